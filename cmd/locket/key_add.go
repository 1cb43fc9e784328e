package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/agekey"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/pods"
)

// A keyAddition is the flags of "key add".
type keyAddition struct {
	name, who, file, owner, store string
	passphrase, withDevice        bool
}

func (c *cli) keyAddCommand() *cobra.Command {
	var a keyAddition
	cmd := &cobra.Command{
		Use:   "add",
		Short: "Add an API key, a passphrase, or the key of a device",
		Long: `Add an API key and print it. It is shown this one time. It lets in whom --for names, you
if nobody.

--passphrase adds a passphrase of yours instead, which is asked for twice or read from
--new-passphrase-file; with --with-device-secret it opens the pod only together with the
secret that --device-secret names, so that nobody can guess it who has the pod's folder.
--owner adds a key of which only the public half is here: an age recipient (age1pq1…), or
a file that has one; 'locket key keygen' makes it on the other device.
--keyring has this machine keep a key for itself: desktop, kernel or systemd. Whoever
controls the machine can then open the pod; 'locket status' says that it is so.`,
		Example: `  locket key add --name phone
  locket key add --for scribe --name 'scribe on the server'
  locket key add --passphrase --name spare
  locket key add --owner phone.pub --name phone
  locket key add --keyring kernel --name 'nightly backups'`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := oneOf(cmd, "passphrase", "owner", "keyring", "for")
			if err == nil {
				err = oneOf(cmd, "new-passphrase-file", "owner", "keyring", "for")
			}
			if err != nil {
				return err
			}
			return c.keyAdd(cmd.Context(), a)
		},
	}
	f := cmd.Flags()
	f.StringVar(&a.name, "name", "added by key add", "what the key is for, kept inside the pod")
	f.StringVar(&a.who, "for", "", "name or id of whom it lets in")
	f.BoolVar(&a.passphrase, "passphrase", false, "add a passphrase instead of an API key")
	f.StringVar(&a.file, "new-passphrase-file", "", "read the passphrase to add from the first line of a file")
	f.BoolVar(&a.withDevice, "with-device-secret", false, "the passphrase needs the device secret, too")
	f.StringVar(&a.owner, "owner", "", "add the key whose public half this is, or is in this file")
	f.StringVar(&a.store, "keyring", "", "have this machine keep a key: desktop, kernel or systemd")
	return cmd
}

func (c *cli) keyAdd(ctx context.Context, a keyAddition) error {
	switch {
	case a.passphrase || a.file != "":
		return c.withKeys(ctx, func(k *pods.Keys) error { return c.addPassphrase(ctx, k, a) })
	case a.owner != "":
		return c.withKeys(ctx, func(k *pods.Keys) error { return c.addOwner(ctx, k, a) })
	case a.store != "":
		return c.withKeys(ctx, func(k *pods.Keys) error { return c.addMachine(ctx, k, a) })
	}
	return c.withPod(ctx, func(p pod) error { return c.addKey(ctx, p, a.name, a.who) })
}

func (c *cli) addKey(ctx context.Context, p pod, name, who string) error {
	id := locket.PrincipalID("")
	if who != "" {
		var err error
		if id, err = whom(ctx, p, who); err != nil {
			return err
		}
	}
	out, err := run[ops.NewKey](ctx, p, "keys.create", map[string]string{"name": name, "principal": string(id)})
	if err != nil {
		return err
	}
	return c.print(out, func(p *printer) {
		p.line("%s", out.Key)
		fmt.Fprintf(c.err, "This is key %s. Keep it; it is not shown again. 'locket key remove %s' ends it.\n", out.ID, out.ID)
	})
}

func (c *cli) addPassphrase(ctx context.Context, k *pods.Keys, a keyAddition) error {
	password, err := c.newPassword(ctx, a.file, a.withDevice)
	if err != nil {
		return err
	}
	defer password.wipe()
	id, err := k.AddPassword(ctx, a.name, password.opens.(keyring.Password)) // newPassword makes no other
	if err != nil {
		return err
	}
	return c.print(keyOut{id}, func(p *printer) { p.line("added passphrase %s", id) })
}

// newPassword asks for a new passphrase, or reads it from a file, and puts the device
// secret with it if it is to be needed.
func (c *cli) newPassword(ctx context.Context, file string, withDevice bool) (*credential, error) {
	source := *c // the flags of the old passphrase are not for the new one
	source.passphraseFile, source.passphraseFD = file, -1
	if !withDevice {
		source.deviceSecret = ""
	} else if c.deviceSecret == "" {
		return nil, locket.Errorf(locket.CodeInvalid, "there is no device secret: name its file with --device-secret or %s; 'locket key device-secret' makes one", envDevice)
	}
	passphrase, err := source.newPassphrase(ctx)
	if err != nil {
		return nil, err
	}
	return source.password(passphrase)
}

func (c *cli) addOwner(ctx context.Context, k *pods.Keys, a keyAddition) error {
	text := a.owner
	if !strings.HasPrefix(text, "age1") {
		line, err := readIdentity(a.owner)
		if err != nil {
			return err
		}
		text = string(line.Bytes()) // it is public
	}
	public, err := agekey.ParseRecipient(text)
	if err != nil {
		return locket.Errorf(locket.CodeInvalid, "--owner takes a post-quantum age recipient (age1pq1…), or a file that has one").Because(err)
	}
	id, err := k.AddOwner(ctx, a.name, public)
	if err != nil {
		return err
	}
	return c.print(keyOut{id}, func(p *printer) { p.line("added key %s; it opens the pod with --owner-key", id) })
}

// keptOut is what "key add --keyring" prints. Key is set for a store that Locket can't
// write to.
type keptOut struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"` // in the store
	Key  string `json:"key,omitempty"`
}

func (c *cli) addMachine(ctx context.Context, k *pods.Keys, a keyAddition) error {
	store, ok := c.findStore(a.store)
	if !ok {
		return locket.Errorf(locket.CodeInvalid, "--keyring is desktop, kernel or systemd")
	}
	id, text, err := addKept(ctx, k, k.Pod(), store, a.name)
	if err != nil {
		return err
	}
	out := keptOut{ID: id}
	if text != nil {
		defer text.Wipe()
		out.Name, out.Key = strings.ReplaceAll(keptName(k.Pod(), id), ":", "-"), string(text.Bytes()) // it is about to be printed
	}
	return c.print(out, func(p *printer) {
		if out.Key == "" {
			p.line("added key %s, kept in %s: commands on this machine do not ask any more", id, store.label)
			return
		}
		p.line("%s", out.Key)
		fmt.Fprintf(c.err, "This is key %s, shown this one time. Encrypt it for the service:\n  systemd-creds encrypt --name=%s - /etc/credstore.encrypted/%s\n", id, out.Name, out.Name)
		fmt.Fprintf(c.err, "and add to its unit:\n  LoadCredentialEncrypted=%s\n", out.Name)
	})
}
