package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/journal"
	"github.com/locketpod/locket/internal/store"
)

func (c *cli) journalExportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "export FILE",
		Short: "Write the whole journal to a file",
		Long: `Write the whole journal to a file that 'locket verify --export' checks without the pod. It
has the contents of all entries, in the clear, and is readable by you alone. "-" is
standard output.`,
		Example: "  locket journal export journal.jsonl\n  locket verify --export journal.jsonl",
		Args:    takes("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, in, err := input("journal.export", nil)
			if err != nil {
				return err
			}
			return c.withPod(cmd.Context(), func(p pod) error {
				if args[0] == "-" {
					return p.fetch(cmd.Context(), o, in, c.out)
				}
				if err := writeNew(args[0], func(w io.Writer) error { return p.fetch(cmd.Context(), o, in, w) }); err != nil {
					return err
				}
				return c.print(written{args[0]}, func(p *printer) { p.line("wrote %s; it is not encrypted", clean(args[0], false)) })
			})
		},
	}
}

func (c *cli) journalProveCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "prove ITEM",
		Short: "Prove what was done with an item, to somebody without the pod",
		Long: `Write a proof of what was done with an item, by whom and when, for somebody who does not
have the pod: 'locket journal check' checks it. It shows the item's values and history,
and nothing else of the pod. Tell them the pod's public key by another way; it is in the
proof, and says only that one pod signed all of it.`,
		Example: "  locket journal prove 0192f3a4-7c1e-7d30-9a55-3d6f0c2b8e11 -o proof.json",
		Args:    takes("ITEM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withPod(cmd.Context(), func(p pod) error {
				proof, err := run[*journal.Proof](cmd.Context(), p, "items.proof", map[string]string{"id": args[0]})
				if err != nil {
					return err
				}
				if proof == nil {
					return locket.Errorf(locket.CodeUnsupported, "the server answers without a proof; is it a Locket server?")
				}
				data, err := proof.Encode()
				if err != nil {
					return err
				}
				return c.save(file, data)
			})
		},
	}
	cmd.Flags().StringVarP(&file, "output", "o", "", "new file for the proof; without it standard output")
	return cmd
}

// proven is what "journal check" prints.
type proven struct {
	Pod        locket.PodID     `json:"pod"`
	PodKey     string           `json:"podKey"` // Ed25519, hexadecimal
	Checkpoint string           `json:"checkpoint"`
	Actions    []journal.Proven `json:"actions"`
}

func (c *cli) journalCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE",
		Short: "Check a proof, without a pod",
		Long: `Check a proof that 'locket journal prove' wrote, and show what it proves. It needs no pod
and no network. Whose key the pod's key is, you have to know from its owner.`,
		Example: "  locket journal check proof.json\n  locket journal check proof.json --json",
		Args:    takes("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			data, err := readFile(c.in, args[0], journal.MaxProof)
			if err != nil {
				return err
			}
			proof, err := journal.ParseProof(data)
			if err != nil {
				return err
			}
			actions, err := proof.Check()
			if err != nil {
				return err
			}
			out := proven{proof.Pod, proof.PodKey, proof.Checkpoint, actions}
			return c.print(out, func(p *printer) { p.proven(out) })
		},
	}
}

func (p *printer) proven(out proven) {
	p.line("The pod with this key signed all that follows; ask its owner whether it is theirs.")
	p.pairs([][2]string{{"pod", string(out.Pod)}, {"key", out.PodKey}, {"checkpoint", out.Checkpoint}})
	for _, a := range out.Actions {
		p.line("")
		by := "signed by the pod for " + string(a.Author)
		if a.SignedBy == locket.SignedByAuthor {
			by = "signed by " + string(a.Author) + " with key " + a.Key
		}
		what := string(a.Action) + " " + a.Type + " " + string(a.Item)
		if a.Erased {
			what = "an action whose content was erased"
		}
		p.line("entry %d, %s: %s", a.N, a.Time.Local().Format(time.DateTime+" MST"), p.styled(bold, clean(what, false)))
		pairs := [][2]string{{"by", by}}
		if s := origin(a.Source); s != "" {
			pairs = append(pairs, [2]string{"from", s})
		}
		for _, name := range slices.Sorted(maps.Keys(a.Props)) {
			pairs = append(pairs, [2]string{name, plainValue(a.Props[name])})
		}
		p.pairs(pairs)
	}
}

// plainValue is a value of an entry for people: texts as they are, others as JSON.
func plainValue(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// origin says what a change came of, "" if nothing is known.
func origin(s locket.Source) string {
	var parts []string
	for _, kv := range [][2]string{{"import", s.Import}, {"session", s.Session}, {"item", string(s.Item)}} {
		if kv[1] != "" {
			parts = append(parts, kv[0]+" "+kv[1])
		}
	}
	return strings.Join(parts, ", ")
}

func (c *cli) journalCheckpointCommand() *cobra.Command {
	var file, from string
	cmd := &cobra.Command{
		Use:   "checkpoint",
		Short: "Print a signed checkpoint of the journal, to keep elsewhere",
		Long: `Print a signed checkpoint: how many entries the journal has, and a hash of them all. Kept
elsewhere, it shows later whether the pod was set back or its journal rewritten, with
--from here or 'locket verify --checkpoint'.`,
		Example: "  locket journal checkpoint -o monday.note\n  locket journal checkpoint --from monday.note",
		Args:    takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			fields := map[string]string{}
			if from != "" {
				text, err := readFile(c.in, from, maxNote)
				if err != nil {
					return err
				}
				fields["from"] = string(text)
			}
			return c.withPod(cmd.Context(), func(p pod) error {
				out, err := run[store.Growth](cmd.Context(), p, "journal.checkpoint", fields)
				if err != nil {
					return err
				}
				if from != "" && !c.json {
					fmt.Fprintln(c.err, "The journal has only grown since that checkpoint.")
				}
				if file != "" {
					return c.save(file, []byte(out.Checkpoint))
				}
				return c.print(out, func(p *printer) { p.line("%s", strings.TrimSuffix(clean(out.Checkpoint, true), "\n")) })
			})
		},
	}
	cmd.Flags().StringVarP(&file, "output", "o", "", "new file for the checkpoint; without it standard output")
	cmd.Flags().StringVar(&from, "from", "", "a checkpoint noted before: fail unless the journal has only grown since")
	return cmd
}

// maxNote is more than the longest checkpoint in bytes.
const maxNote = 4 << 10
