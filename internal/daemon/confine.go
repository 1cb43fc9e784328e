package daemon

import (
	"cmp"
	"log/slog"
	"net/url"
	"strconv"

	"github.com/locketpod/locket/internal/harden"
)

// confine gives up what serving c does not need, if c asks for it, and logs which
// protections are in force. The server runs without those that fail.
func (c Config) confine() {
	if c.Confine {
		err := harden.Confine(harden.Confinement{
			ReadWrite: []string{c.Dir, c.State}, ReadOnly: []string{c.CertFile, c.KeyFile}, Connect: c.connects(),
		})
		if err != nil {
			c.Log.Warn("the server is not fully confined, and serves", "err", err)
		}
	} else {
		c.Log.Warn("the server is not confined: a fault in it can reach all files of its user, and the network")
	}
	named := make(map[harden.State][]string)
	for _, p := range Protections() {
		named[p.State] = append(named[p.State], p.Name)
	}
	c.Log.Info("protections", slog.Any("on", named[harden.On]), slog.Any("off", named[harden.Off]), slog.Any("unavailable", named[harden.Unavailable]))
}

// connects are the TCP ports that the server asks others at.
func (c Config) connects() []uint16 {
	if c.Embed.URL == "" && !c.Documents {
		return nil
	}
	ports := []uint16{53} // names, where their answers are long
	if c.Documents {
		ports = append(ports, 443)
	}
	if c.Embed.URL == "" {
		return ports
	}
	u, err := url.Parse(c.Embed.URL)
	if err != nil {
		return ports // it was not opened either
	}
	port, err := strconv.ParseUint(cmp.Or(u.Port(), map[bool]string{true: "443", false: "80"}[u.Scheme == "https"]), 10, 16)
	if err != nil {
		return ports
	}
	return append(ports, uint16(port))
}

// Protections finds out which protections are in force in this process now.
func Protections() []harden.Protection {
	freed := harden.Protection{Name: "freed_memory", State: harden.On, Detail: "memory is overwritten when it is freed"}
	if !erasesFreedMemory() {
		freed.State, freed.Detail = harden.Off, "what requests leave in memory may stay there"
		freed.Hint = hintErasing
	}
	return append(harden.Report(), freed)
}
