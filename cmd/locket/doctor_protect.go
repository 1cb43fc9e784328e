package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/daemon"
	"github.com/locketpod/locket/internal/harden"
	"github.com/locketpod/locket/internal/secret"
)

// protected is what doctor --protections prints.
type protected struct {
	Protections []harden.Protection `json:"protections"`
}

// protections examines how a server that is started here would be protected. It lets
// a child find out, which is confined as a server is: that is for good.
func protections(ctx context.Context) ([]harden.Protection, error) {
	out, err := doctorChild(ctx)
	var p protected
	if err == nil {
		err = json.Unmarshal(out, &p)
	}
	if err != nil {
		return nil, locket.Errorf(locket.CodeInternal, "the protections of a server cannot be examined; see what 'locket doctor --protections' says").Because(err)
	}
	return p.Protections, nil
}

func doctorChild(ctx context.Context) ([]byte, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	child := exec.CommandContext(ctx, self, "doctor", "--protections", "--json")
	child.Args[0] = os.Args[0]
	var out bytes.Buffer
	child.Stdout = &out
	err = child.Run()
	return out.Bytes(), err
}

// protectAndReport does to this process what serve does, and prints what came of it.
func (c *cli) protectAndReport() error {
	if err := daemon.EraseFreedMemory(); err != nil {
		return err
	}
	found := []harden.Protection{harden.Swap()} // which a confined process cannot see
	failed := harden.Confine(harden.Confinement{})
	found = append(daemon.Protections(), append(found, lockedMemory())...)
	if failed != nil {
		c.logger().Warn("a server is not fully confined here", "err", failed)
	}
	return c.print(protected{found}, func(p *printer) { p.protections(found) })
}

// lockedMemory finds out what memory the server's own keys lie in.
func lockedMemory() harden.Protection {
	p := harden.Protection{Name: "locked_memory", State: harden.On}
	k := secret.NewLocked(32)
	switch k.How() {
	case secret.SecretMemory:
		p.Detail = "the keys of the server itself are in memory that is in no swap and that no other process can read"
	case secret.LockedMemory:
		p.Detail = "the keys of the server itself are in memory that is in no swap"
	default:
		p.State, p.Detail = harden.Off, "the keys of the server itself may be written to swap"
		p.Hint = "raise the limit on locked memory ('ulimit -l'), or encrypt the swap"
	}
	if err := k.Close(); err != nil {
		p.State, p.Detail = harden.Off, "the memory of the server's keys cannot be given back"
	}
	return p
}

func (p *printer) protections(all []harden.Protection) {
	p.line("protections of a server started here:")
	for _, x := range all {
		state := string(x.State)
		if x.State == harden.Unavailable {
			state = "not available here"
		}
		style := dim
		if x.State == harden.Off {
			style = red
		}
		p.line("  %s%s%s", pad(x.Name, 15), p.styled(style, pad(state, 20)), clean(x.Detail, false))
		if x.Hint != "" {
			p.line("    %s", clean(x.Hint, false))
		}
	}
}
