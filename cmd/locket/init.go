package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/secret"
)

const minPassphrase = 8 // characters

// An initOptions is the flags of init.
type initOptions struct {
	name                              string
	another, keyring, noKeyring, show bool
}

// created is what init prints. Key is set if it was asked for.
type created struct {
	Pod     locket.PodID `json:"pod"`
	Dir     string       `json:"dir"`
	Key     string       `json:"key,omitempty"`
	Keyring bool         `json:"keyring"` // a key for this device is in the OS keyring
}

func (c *cli) initCommand() *cobra.Command {
	var o initOptions
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make a pod",
		Long: `Make a pod. It is opened by a passphrase, which is asked for twice, and by the keys that are
added later. A key for this device can be kept in the keyring of the operating system, so
that later commands do not ask.`,
		Example: `  locket init
  locket init --passphrase-file secret.txt --no-keyring --print-key`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf(cmd, "keyring", "no-keyring"); err != nil {
				return err
			}
			return c.init(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.name, "name", "owner", "name of the owner, kept inside the pod")
	f.BoolVar(&o.another, "another", false, "make one more pod in a folder that has one")
	f.BoolVar(&o.keyring, "keyring", false, "keep a key for this device in the OS keyring, without asking")
	f.BoolVar(&o.noKeyring, "no-keyring", false, "do not use the OS keyring, without asking")
	f.BoolVar(&o.show, "print-key", false, "make an API key and print it, once")
	return cmd
}

func (c *cli) init(ctx context.Context, o initOptions) (err error) {
	if c.server != "" {
		return locket.Errorf(locket.CodeUnsupported, "pods are made on the machine that keeps them; run init there")
	}
	f, err := c.openFolder()
	if err != nil {
		return err
	}
	defer closing(f, &err)
	if ids, err := f.List(); err != nil {
		return err
	} else if len(ids) > 0 && !o.another {
		return locket.Errorf(locket.CodeExists, "there is a pod in this folder already; --another makes one more, --dir names another folder")
	}
	passphrase, err := c.newPassphrase(ctx)
	if err != nil {
		return err
	}
	defer passphrase.Wipe()
	made, err := f.Create(ctx, pods.New{Owner: o.name, Password: keyring.Password{Secret: passphrase}})
	if err != nil {
		return err
	}
	out := created{Pod: made.Pod}
	if out.Dir, err = c.podsDir(); err != nil {
		return err
	}
	if err := c.firstKeys(ctx, f, keyring.Password{Secret: passphrase}, o, &out); err != nil {
		return err
	}
	return c.print(out, func(p *printer) { p.created(out) })
}

// firstKeys makes the API keys that were asked for. The pod is there already: what
// fails here is told, and is no failure of init.
func (c *cli) firstKeys(ctx context.Context, f *pods.Folder, cred keyring.Credential, o initOptions, out *created) error {
	if o.show {
		text, err := newKey(ctx, f, out.Pod, cred, "printed by init")
		if err != nil {
			return err
		}
		out.Key = string(text.Bytes()) // it is about to be printed
		text.Wipe()
	}
	if !o.keyring && !o.noKeyring && c.inTTY {
		yes, err := c.prompt.confirm(ctx, "Keep a key for this device in the OS keyring, so that commands do not ask for the passphrase?")
		if err != nil {
			return err
		}
		o.keyring = yes
	}
	if !o.keyring {
		return nil
	}
	err := f.Keys(ctx, out.Pod, cred, func(k *pods.Keys) error {
		store, ok := c.findStore("desktop")
		if !ok {
			return locket.Errorf(locket.CodeUnsupported, "there is no keyring")
		}
		_, _, err := addKept(ctx, k, out.Pod, store, "this device")
		return err
	})
	if err != nil {
		fmt.Fprintf(c.err, "locket: the pod is made, but %s\n", locket.MessageOf(err))
		return nil
	}
	out.Keyring = true
	return nil
}

// newKey adds an API key to a pod and returns its text, which the caller wipes.
func newKey(ctx context.Context, f *pods.Folder, id locket.PodID, cred keyring.Credential, name string) (text *secret.Key, err error) {
	err = f.Keys(ctx, id, cred, func(k *pods.Keys) error {
		_, token, err := k.AddAPIKey(ctx, name, "")
		if err != nil {
			return err
		}
		defer token.Wipe()
		text = token.Text()
		return nil
	})
	return text, err
}

// newPassphrase reads a passphrase from where a flag says, or asks for it twice.
func (c *cli) newPassphrase(ctx context.Context) (*secret.Key, error) {
	k, ok, err := c.givenPassphrase()
	if err != nil {
		return nil, err
	}
	if !ok {
		if k, err = c.askTwice(ctx); err != nil {
			return nil, err
		}
	}
	if utf8.RuneCount(k.Bytes()) < minPassphrase {
		k.Wipe()
		return nil, locket.Errorf(locket.CodeInvalid, "the passphrase has fewer than %d characters; four or more random words are good", minPassphrase)
	}
	if weak(k.Bytes()) {
		fmt.Fprintln(c.err, "locket: this passphrase is easy to guess; whoever has the folder can try as many as they like")
	}
	return k, nil
}

func (c *cli) askTwice(ctx context.Context) (*secret.Key, error) {
	k, err := c.prompt.secret(ctx, "New passphrase:")
	if err != nil {
		return nil, err
	}
	again, err := c.prompt.secret(ctx, "The same again:")
	defer again.Wipe()
	if err == nil && !k.Equal(again) {
		err = locket.Errorf(locket.CodeInvalid, "the two passphrases differ; nothing was made")
	}
	if err != nil {
		k.Wipe()
		return nil, err
	}
	return k, nil
}

// weak says whether a passphrase is short for what it is made of: one word, or
// digits only.
func weak(p []byte) bool {
	digits := bytes.IndexFunc(p, func(r rune) bool { return !unicode.IsDigit(r) }) < 0
	return len(p) < 14 || digits && len(p) < 20
}

func (p *printer) created(o created) {
	p.line("Made pod %s in %s.", o.Pod, o.Dir)
	p.line("")
	p.line("%s", strings.TrimSpace(`
Keep safe:
  - the passphrase. It is stored nowhere. If it and all other keys are lost, so is the
    data: nobody can open the pod without one of them. Setup is complete when there is a
    second way in and you have tried it: 'locket recovery create -o kit.pdf', to print.
  - the folder. A copy of it is worth nothing to others, and everything to you.`))
	if o.Key != "" {
		p.line("  - this API key, which is shown once:\n\n    %s", o.Key)
	}
	if o.Keyring {
		p.line("")
		p.line("A key for this device is in the OS keyring.")
	}
	p.line("")
	p.line("Next: 'locket import FILE', 'locket add Note name=Hello', 'locket serve'.")
}
