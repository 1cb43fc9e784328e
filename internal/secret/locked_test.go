package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"testing"

	"github.com/locketpod/locket/internal/secret"
)

func TestLocked(t *testing.T) {
	for _, n := range []int{0, 1, 32, 5000} {
		l := secret.NewLocked(n)
		t.Logf("%d bytes in %s memory", n, l.How())
		if !bytes.Equal(l.Bytes(), make([]byte, n)) {
			t.Errorf("%d bytes: got %d, or they are not zero", n, len(l.Bytes()))
		}
		l.Fill()
		if n >= 32 && bytes.Equal(l.Bytes()[n-32:], make([]byte, 32)) {
			t.Errorf("%d bytes: the last are zero after Fill", n)
		}
		for range 2 {
			if err := l.Close(); err != nil {
				t.Errorf("%d bytes: Close: %v", n, err)
			}
		}
		if l.Bytes() != nil {
			t.Errorf("%d bytes: %d are left after Close", n, l.Len())
		}
	}
}

func TestLockedAreApart(t *testing.T) {
	a, b := secret.NewLocked(32), secret.NewLocked(32)
	defer func() { _, _ = a.Close(), b.Close() }()
	a.Fill()
	b.Fill()
	if bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("both hold the same")
	}
	held := slices.Clone(b.Bytes())
	if err := a.Close(); err != nil || !bytes.Equal(b.Bytes(), held) {
		t.Errorf("closing one changed the other: %v", err)
	}
}

func TestLockedIsRedacted(t *testing.T) {
	l := secret.NewLocked(len(plain))
	defer func() { _ = l.Close() }()
	copy(l.Bytes(), plain)
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, arg := range []any{l, *l, struct{ L *secret.Locked }{l}, []any{*l}} {
			fmt.Fprintf(&out, verb+"\n", arg)
		}
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("m", "l", l, "v", *l)
	if err := json.NewEncoder(&out).Encode(map[string]any{"l": l, "v": *l}); err != nil {
		t.Fatal(err)
	}
	if leaks(out.String()) || fmt.Sprint(l) != "[redacted]" {
		t.Errorf("got %s", out.String())
	}
}
