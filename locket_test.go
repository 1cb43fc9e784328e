package locket_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/locketpod/locket"
)

func TestErrorsShowOnlyTheirMessage(t *testing.T) {
	cause := errors.New("SELECT secret FROM diary")
	err := fmt.Errorf("outer: %w", locket.Errorf(locket.CodeConflict, "read it again").Because(cause))
	if locket.CodeOf(err) != locket.CodeConflict || locket.MessageOf(err) != "read it again" || !errors.Is(err, cause) {
		t.Errorf("got %s %q", locket.CodeOf(err), locket.MessageOf(err))
	}
	if locket.CodeOf(cause) != locket.CodeInternal || strings.Contains(locket.MessageOf(cause), "diary") {
		t.Errorf("an error without a code shows %q", locket.MessageOf(cause))
	}
	if locket.CodeOf(nil) != "" {
		t.Error("nil has a code")
	}
	e := &locket.Error{Op: "items.get", Msg: "no such item"}
	if e.Error() != "items.get: no such item" {
		t.Errorf("got %q", e.Error())
	}
}

func TestIDs(t *testing.T) {
	now := time.UnixMilli(0x0192f3a4b5c6)
	id := string(locket.NewItemID(now))
	if !strings.HasPrefix(id, "0192f3a4-b5c6-7") || !strings.Contains("89ab", id[19:20]) {
		t.Errorf("%s is no UUID version 7 of its time (RFC 9562 §5.7)", id)
	}
	if pod := string(locket.NewPodID()); pod[14] != '4' {
		t.Errorf("%s is no UUID version 4", pod)
	}
	if a, b := locket.ItemIDFrom(now, [10]byte{1}), locket.ItemIDFrom(now, [10]byte{1}); a != b {
		t.Error("ItemIDFrom gives two ids for one input")
	}
	u, ok := locket.ParseUUID(id)
	if !ok || locket.FormatUUID(u) != id {
		t.Errorf("%s does not round-trip", id)
	}
	for _, bad := range []string{"", id[1:], id + "0", strings.ToUpper(id), strings.Replace(id, "-", "0", 1), "g" + id[1:], "{" + id[2:] + "}"} {
		if _, ok := locket.ParseUUID(bad); ok {
			t.Errorf("%q is read as a UUID", bad)
		}
	}
}

func TestHLC(t *testing.T) {
	wall := time.UnixMilli(1_800_000_000_123)
	if h := locket.HLCAt(wall); !h.Time().Equal(wall) || !(h + 0xffff).Time().Equal(wall) || locket.HLCAt(wall.Add(time.Millisecond)) != h+0x10000 {
		t.Errorf("%d does not stand for its millisecond", h)
	}
}

// TestBuiltinTypes checks what the store relies on.
func TestBuiltinTypes(t *testing.T) {
	for _, typ := range locket.BuiltinTypes() {
		seen := map[string]bool{}
		for _, p := range typ.Properties {
			if seen[p.Name] || p.Role != "" && p.Kind != locket.Text || p.Indexed && p.Many {
				t.Errorf("%s.%s is declared wrongly", typ.Name, p.Name)
			}
			seen[p.Name] = true
		}
		if p, ok := typ.Property(typ.TimeProperty); typ.TimeProperty != "" && (!ok || p.Kind != locket.Time || p.Many) {
			t.Errorf("%s has the time property %q", typ.Name, typ.TimeProperty)
		}
	}
}
