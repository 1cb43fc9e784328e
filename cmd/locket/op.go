package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"reflect"
	"strings"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/ops"
)

// opCommand has a command for every row of the op table.
func (c *cli) opCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "op",
		Short: "Run any operation of the HTTP interface by name",
		Long: `Run any operation of the HTTP interface by name: here, or on a server. Answers are JSON.
Flags that take lists or objects take them as JSON.`,
		Example: `  locket op stats.get
  locket op items.update 0192f3a4-7c1e-7d30-9a55-3d6f0c2b8e11 --props '{"name": "New name"}'
  locket op items.query --type Event --where '[{"property":"startDate","op":"ge","value":"2026-01-01T00:00:00Z"}]'
  locket op blobs.put --body photo.png`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return locket.Errorf(locket.CodeInvalid, "there is no operation %.60q; 'locket op --help' lists them", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	for _, o := range ops.Table() {
		cmd.AddCommand(c.oneOp(o))
	}
	return cmd
}

// oneOp makes the command of an operation: what stands in the path of its URL are
// arguments, the rest are flags.
func (c *cli) oneOp(o ops.Op) *cobra.Command {
	var args []string
	for _, f := range o.Fields() {
		if f.Place == ops.InPath {
			args = append(args, strings.ToUpper(f.Name))
		}
	}
	cmd := &cobra.Command{
		Use:   strings.Join(append([]string{o.Name}, args...), " "),
		Short: o.Text,
		Long:  o.Text + "\n\nOver HTTP: " + o.Method + " " + o.Path,
		Args:  takes(args...),
	}
	texts := make(map[string]*string)
	for _, f := range o.Fields() {
		if f.Place != ops.InPath {
			texts[f.Name] = cmd.Flags().String(f.Name, "", f.Help)
		}
	}
	body := new(string)
	if o.Upload {
		body = cmd.Flags().String("body", "-", `file to send; "-" is standard input`)
	}
	yes := true
	if o.Name == "items.erase" {
		cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		in, err := inputOf(o, args, texts)
		if err != nil {
			return err
		}
		if err := c.confirm(cmd.Context(), "Remove the item, its history and its files for good?", yes); err != nil {
			return err
		}
		return c.runOp(cmd.Context(), o, in, *body)
	}
	return cmd
}

// inputOf makes the input of an operation of arguments and flags.
func inputOf(o ops.Op, args []string, texts map[string]*string) (any, error) {
	in := o.New()
	for _, f := range o.Fields() {
		text := ""
		if f.Place == ops.InPath {
			text, args = args[0], args[1:]
		} else if text = *texts[f.Name]; text == "" {
			if f.Required {
				return nil, locket.Errorf(locket.CodeInvalid, "--%s is missing: %s", f.Name, f.Help)
			}
			continue
		}
		if err := f.Set(in, text); err != nil {
			return nil, err
		}
	}
	return in, nil
}

func (c *cli) runOp(ctx context.Context, o ops.Op, in any, path string) (err error) {
	var body io.Reader
	if o.Upload {
		f := c.in
		if path != "-" {
			if f, err = os.Open(path); err != nil {
				return locket.Errorf(locket.CodeNotFound, "the file to send cannot be opened").Because(err)
			}
			defer closing(f, &err)
		}
		body = f
	}
	return c.withPod(ctx, func(p pod) error {
		if o.Out == reflect.TypeFor[*ops.File]() || o.Out == reflect.TypeFor[*ops.Stream]() {
			return p.fetch(ctx, o, in, c.out)
		}
		bar := c.newProgress()
		defer bar.end()
		out, err := p.do(ctx, o, in, body, bar.report)
		if err != nil {
			return err
		}
		bar.end()
		e := json.NewEncoder(c.out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(out)
	})
}
