package secret_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"text/template"
	"unsafe"

	"github.com/locketpod/locket/internal/secret"
)

// plain is what must never appear, in any of the forms a printer could give it.
const plain = "correct-horse-battery"

func leaks(out string) bool {
	hex := fmt.Sprintf("%x", plain)
	dec := strings.Trim(fmt.Sprint([]byte(plain)), "[]")
	for _, form := range []string{plain, hex, strings.ToUpper(hex), dec, strings.ReplaceAll(dec, " ", ",")} {
		if strings.Contains(out, form) {
			return true
		}
	}
	return false
}

func key() *secret.Key { return secret.Take([]byte(plain)) }

type holder struct {
	Name  string
	Key   *secret.Key
	Value secret.Key
}

func TestFormattingIsRedacted(t *testing.T) {
	h := holder{Name: "laptop", Key: key(), Value: *key()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%08b", "%U", "%c", "%t", "%e", "% x"} {
		for _, arg := range []any{h.Key, h.Value, h, &h, []any{h}, map[string]any{"k": h.Key}, []*secret.Key{h.Key}} {
			out := fmt.Sprintf(verb, arg)
			if leaks(out) {
				t.Errorf("Sprintf(%q, %T) shows the key: %s", verb, arg, out)
			}
		}
	}
	if got := fmt.Sprintf("%v %x", h.Key, h.Value); got != "[redacted] [redacted]" {
		t.Errorf("got %q", got)
	}
}

func TestEncodingsAreRedacted(t *testing.T) {
	h := holder{Name: "laptop", Key: key(), Value: *key()}
	var out bytes.Buffer
	for name, encode := range map[string]func() error{
		"json": func() error { return json.NewEncoder(&out).Encode(h) },
		"xml":  func() error { return xml.NewEncoder(&out).Encode(h) },
		"template": func() error {
			return template.Must(template.New("").Parse("{{.Key}} {{.Value}} {{printf \"%x\" .Key}}")).Execute(&out, h)
		},
		"slog text": func() error {
			slog.New(slog.NewTextHandler(&out, nil)).Info("m", "k", h.Key, "v", h.Value, "h", h)
			return nil
		},
		"slog json": func() error {
			slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "k", h.Key, "v", h.Value, "h", h)
			return nil
		},
	} {
		out.Reset()
		if err := encode(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if leaks(out.String()) || !strings.Contains(out.String(), "[redacted]") {
			t.Errorf("%s: got %s", name, out.String())
		}
	}
	out.Reset()
	if err := gob.NewEncoder(&out).Encode(h); err == nil || leaks(out.String()) {
		t.Errorf("gob: err %v, %q", err, out.String())
	}
	if _, err := h.Key.MarshalBinary(); !errors.Is(err, secret.ErrNotEncodable) {
		t.Errorf("MarshalBinary: %v", err)
	}
}

func TestTakeWipesItsSourceAndWipeTheKey(t *testing.T) {
	src := []byte(plain)
	k := secret.Take(src)
	if !bytes.Equal(src, make([]byte, len(plain))) {
		t.Errorf("source still holds %q", src)
	}
	held, c := k.Bytes(), k.Clone()
	k.Wipe()
	k.Wipe()
	if !bytes.Equal(held, make([]byte, len(plain))) || k.Len() != 0 {
		t.Errorf("wiped key still holds %q", held)
	}
	if string(c.Bytes()) != plain {
		t.Error("a clone must outlive its original")
	}
}

func TestEqual(t *testing.T) {
	a, b := key(), key()
	if !a.Equal(b) || a.Equal(secret.Random(len(plain))) || a.Equal(nil) || a.Equal(&secret.Key{}) {
		t.Error("Equal is wrong")
	}
}

// deep leaves a pattern at several depths of the stack and returns where the
// deepest stood.
//
//go:noinline
func deep(n int, pattern byte) uintptr {
	var frame [512]byte
	for i := range frame {
		frame[i] = pattern
	}
	if n == 0 {
		return uintptr(unsafe.Pointer(&frame[0]))
	}
	return deep(n-1, pattern) + uintptr(frame[n]-pattern)
}

// count returns how many of the 512 bytes at p hold the pattern.
//
//go:noinline
func count(p uintptr, pattern byte) (n int) {
	for i := range uintptr(512) {
		if *(*byte)(unsafe.Add(nil, p+i)) == pattern {
			n++
		}
	}
	return n
}

func TestOnCleanStack(t *testing.T) {
	const pattern = 0xa7
	var left, wiped uintptr
	ended := make(chan struct{})
	go func() { // a goroutine of its own has a small stack that must grow
		defer close(ended)
		secret.OnCleanStack(func() { wiped = deep(100, pattern) })
		if n := count(wiped, pattern); n > 64 {
			t.Errorf("%d bytes of a wiped frame are left", n)
		}
		left = deep(100, pattern)
		if n := count(left, pattern); n < 256 {
			t.Errorf("only %d bytes of a frame that nobody wiped are found: the test sees nothing", n)
		}
	}()
	<-ended
	if left == 0 || wiped == 0 {
		t.Error("nothing was tested")
	}
}
