package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/ops"
)

func (c *cli) principalAddCommand() *cobra.Command {
	var kind, file, public string
	var key bool
	cmd := &cobra.Command{
		Use:   "add --kind KIND NAME",
		Short: "Let a device, an agent, a plugin or a peer act",
		Long: `Let a device, an agent, a plugin or a peer act within a policy; without one it may do
nothing. --key makes an API key for it and prints it this one time. With --public-key it can
sign its own changes; for all others the pod signs.`,
		Example: `  locket principal add --kind device phone --policy phone.json --key
  locket principal add --kind agent scribe --public-key $(cat scribe.pub)`,
		Args: takes("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			fields := map[string]string{"kind": kind, "name": args[0], "publicKey": public, "key": fmt.Sprint(key)}
			if kind == "" {
				return locket.Errorf(locket.CodeInvalid, "--kind is missing: device, agent, plugin or peer")
			}
			if file != "" {
				text, _, err := readPolicy(c.in, file)
				if err != nil {
					return err
				}
				fields["policy"] = text
			}
			return c.withPod(cmd.Context(), func(p pod) error { return c.addPrincipal(cmd.Context(), p, fields) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&kind, "kind", "", "device, agent, plugin or peer")
	f.StringVar(&file, "policy", "", `file with its policy; "-" is standard input`)
	f.StringVar(&public, "public-key", "", "Ed25519 key that it signs with, hexadecimal, as 'locket principal keygen' prints it")
	f.BoolVar(&key, "key", false, "make an API key for it")
	return cmd
}

// addPrincipal makes a principal and prints its key, if there is one.
func (c *cli) addPrincipal(ctx context.Context, p pod, fields map[string]string) error {
	out, err := run[ops.CreatedPrincipal](ctx, p, "principals.create", fields)
	if err != nil {
		return err
	}
	return c.print(out, func(p *printer) {
		if out.Key == "" {
			p.line("added %s %s", out.Principal.Kind, out.Principal.ID)
		} else {
			p.line("%s", out.Key)
			fmt.Fprintf(c.err, "This is the API key of %s. Keep it; it is not shown again.\n", clean(out.Principal.Name, false))
		}
		for _, s := range may(out.Principal) {
			fmt.Fprintln(c.err, clean(s, false))
		}
		if w := out.Principal; w.Policy != nil && len(w.Policy.Rules) == 0 {
			fmt.Fprintf(c.err, "'locket principal policy %s FILE' gives it a policy; 'locket policy schema' says what one looks like.\n", out.Principal.ID)
		}
	})
}
