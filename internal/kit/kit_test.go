package kit_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/locketpod/locket/internal/kit"
)

// The words are those of official vectors of SLIP-39: 1, without sharing, and both
// shares of 23, 2 of 3.
const (
	words20  = "duckling enlarge academic academic agency result length solution fridge kidney coal piece deal husband erode duke ajar critical decision keyboard"
	bits20   = "3e12000000046f1827485d1f126e9e301c04a4f905cad311f0"
	words33  = "humidity disease academic always aluminum jewelry energy woman receiver strategy amuse duckling lying evidence network walnut tactics forget hairy rebound impulse brother survive clothes stadium mailman rival ocean reward venture always armed unwrap"
	bits33   = "6f8e200021081e5473f4b7f66094f888d2f98fe0ded6a692dc72c65dc498d6e28bee6ebdfcc08435efc0"
	words33b = "humidity disease academic agency actress jacket gross physics cylinder solution fake mortgage benefit public busy prepare sharp friar change work slow purchase ruler again tricycle involve viral wireless mixture anatomy desert cargo upgrade"
	bits33b  = "6f8e200011019e366e9b2e34851e52132c31c2b2c957321bf5ce6c9c1410ea1ddf5fef92c273447df000"
)

func paperKey(t testing.TB) kit.Sheet {
	return kit.Sheet{
		Pod: "11111111-1111-4111-8111-111111111111", Slot: [8]byte{0x8d, 0xe2, 0x73, 0x01, 0xda, 0x46, 0x61, 0x9d},
		Epoch: 1, Made: time.Date(2026, 11, 21, 15, 4, 5, 0, time.UTC), Name: "Anna's pod",
		Member: 1, Count: 1, Threshold: 1, Groups: 1, GroupThreshold: 1,
		Share: unhex(t, bits20), Words: strings.Fields(words20),
	}
}

// share is one of two.
func share(t testing.TB, member int) kit.Sheet {
	s := paperKey(t)
	s.Epoch, s.Passphrase = 3, true
	s.Group, s.Member, s.Count, s.Threshold = "friends", member, 3, 2
	s.Share, s.Words = unhex(t, bits33), strings.Fields(words33)
	if member == 2 {
		s.Share, s.Words = unhex(t, bits33b), strings.Fields(words33b)
	}
	return s
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCheck(t *testing.T) {
	for name, change := range map[string]func(s *kit.Sheet){
		"pod":                 func(s *kit.Sheet) { s.Pod = "pod" },
		"epoch 0":             func(s *kit.Sheet) { s.Epoch = 0 },
		"epoch beyond 32 bit": func(s *kit.Sheet) { s.Epoch = 1 << 32 },
		"before 1970":         func(s *kit.Sheet) { s.Made = time.Unix(-1, 0) },
		"after 2149":          func(s *kit.Sheet) { s.Made = time.Date(2150, 1, 1, 0, 0, 0, 0, time.UTC) },
		"no member":           func(s *kit.Sheet) { s.Member = 0 },
		"member beyond count": func(s *kit.Sheet) { s.Member = 4 },
		"threshold":           func(s *kit.Sheet) { s.Threshold = 4 },
		"count":               func(s *kit.Sheet) { s.Count = 17 },
		"no groups":           func(s *kit.Sheet) { s.Groups = 0 },
		"group threshold":     func(s *kit.Sheet) { s.GroupThreshold = 2 },
		"no share":            func(s *kit.Sheet) { s.Share = nil },
		"long share":          func(s *kit.Sheet) { s.Share = append(s.Share, 0) },
		"padding":             func(s *kit.Sheet) { s.Share[41] |= 1 },
		"one word less":       func(s *kit.Sheet) { s.Words = s.Words[1:] },
		"capital":             func(s *kit.Sheet) { s.Words[0] = "Humidity" },
		"markup":              func(s *kit.Sheet) { s.Words[0] = "<b>x</b>" },
		"two words exchanged": func(s *kit.Sheet) { s.Words[6], s.Words[7] = s.Words[7], s.Words[6] },
		"another word":        func(s *kit.Sheet) { s.Words[6] = "academic" },
		"a bit of the share":  func(s *kit.Sheet) { s.Share[20] ^= 0x80 },
		"another share":       func(s *kit.Sheet) { s.Share = unhex(t, bits33b) },
	} {
		s := share(t, 1)
		if err := s.Check(); err != nil {
			t.Fatal(err)
		}
		change(&s)
		err := s.Check()
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		if strings.Contains(err.Error(), s.Words[3]) {
			t.Errorf("%s: the error shows a word", name)
		}
		if s.Code() != "" || s.Checksum() != "" {
			t.Errorf("%s: has a code", name)
		}
	}
}

func TestRedaction(t *testing.T) {
	s := paperKey(t)
	code, err := kit.ParseCode(s.Code())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, v := range []any{s, &s, []kit.Sheet{s}, code, &code} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb, v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "v", v)
		if err := json.NewEncoder(&out).Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	for _, secret := range []string{"duckling", "keyboard", "18 39 72", "182748", "GBYS", `"Share"`} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%q was printed:\n%s", secret, out.String())
		}
	}
	if !strings.Contains(out.String(), "[redacted]") {
		t.Error("nothing was printed")
	}
}

func TestWipe(t *testing.T) {
	s := paperKey(t)
	code, err := kit.ParseCode(s.Code())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		share []byte
		wipe  func()
	}{{s.Share, s.Wipe}, {code.Share, code.Wipe}} {
		c.wipe()
		if !bytes.Equal(c.share, make([]byte, len(c.share))) {
			t.Error("the share is still there")
		}
	}
	if s.Share != nil || s.Words != nil || code.Share != nil {
		t.Error("kept")
	}
}
