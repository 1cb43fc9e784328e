package sqlcipher_test

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/sqlcipher"
)

var update = flag.Bool("update", false, "make vectors/sqlcipher anew with the stock sqlcipher tool")

const vectorDir = "../../vectors/sqlcipher"

// A vector is one page of one database. Plain is the 4016 bytes before the
// reserved ones; it is empty if the page must not open.
type vector struct {
	name, expect, comment string
	key, salt             []byte
	page                  uint32
	plain, sealed         []byte
}

func loadVectors(t testing.TB) []vector {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(vectorDir, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors in %s (%v)", vectorDir, err)
	}
	var all []vector
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		v, err := parseVector(string(b))
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		v.name = filepath.Base(f)
		all = append(all, v)
	}
	return all
}

func parseVector(text string) (v vector, err error) {
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		value = strings.TrimSpace(value)
		if !ok {
			return v, fmt.Errorf("line without a name: %.40q", line)
		}
		switch name {
		case "expect":
			v.expect = value
		case "comment":
			v.comment = value
		case "page":
			var n uint64
			n, err = strconv.ParseUint(value, 10, 32)
			v.page = uint32(n)
		case "key":
			v.key, err = hex.DecodeString(value)
		case "salt":
			v.salt, err = hex.DecodeString(value)
		case "plain":
			v.plain, err = hex.DecodeString(value)
		case "sealed":
			v.sealed, err = hex.DecodeString(value)
		default:
			err = fmt.Errorf("unknown name %q", name)
		}
		if err != nil {
			return v, err
		}
	}
	return v, nil
}

func (v vector) String() string {
	return fmt.Sprintf("expect: %s\ncomment: %s\nkey: %x\nsalt: %x\npage: %d\nplain: %x\nsealed: %x\n",
		v.expect, v.comment, v.key, v.salt, v.page, v.plain, v.sealed)
}

func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	expects := make(map[string]int)
	for _, v := range loadVectors(t) {
		expects[v.expect]++
		t.Run(v.name, func(t *testing.T) { checkVector(t, v) })
	}
	for _, e := range []string{"ok", "tampered", "wrong key"} {
		if expects[e] == 0 {
			t.Errorf("no vector expects %q", e)
		}
	}
}

func checkVector(t *testing.T, v vector) {
	c := newCodec(t, secret.Take(bytes.Clone(v.key)), v.salt)
	page := bytes.Clone(v.sealed)
	err := c.Open(page, v.page)
	if v.expect != "ok" {
		if err == nil {
			t.Errorf("opened; want %s", v.expect)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(page[:4016], v.plain) {
		t.Error("opened to other bytes")
	}
	sealed := make([]byte, sqlcipher.PageSize)
	c.SealWithIV(sealed, page, v.page, v.sealed[4016:4032])
	if !bytes.Equal(sealed, v.sealed) {
		t.Error("sealed to other bytes")
	}
}

// writeVectors takes pages that the stock tool wrote and verified, and changes
// them in the ways that must be refused.
func writeVectors(t *testing.T) {
	path := inTemp(t, "v.db")
	if out := stock(t, path, "CREATE TABLE t(a,b);INSERT INTO t VALUES('a pearl',x'00ff');PRAGMA cipher_integrity_check;\n"); out != "" {
		t.Fatal(out)
	}
	b := readFile(t, path)
	salt := b[:sqlcipher.SaltSize]
	base := func(no uint32) vector {
		v := vector{expect: "ok", key: testKey().Bytes(), salt: salt, page: no}
		v.comment = fmt.Sprintf("page %d of a database made by sqlcipher 4.6.1", no)
		v.sealed = bytes.Clone(b[(no-1)*sqlcipher.PageSize : no*sqlcipher.PageSize])
		page := bytes.Clone(v.sealed)
		if err := newCodec(t, testKey(), salt).Open(page, no); err != nil {
			t.Fatal(err)
		}
		v.plain = page[:4016]
		return v
	}
	put := func(name, expect, comment string, v vector, change func(*vector)) {
		if change != nil {
			v.expect, v.comment, v.plain = expect, comment, nil
			change(&v)
		}
		if err := os.WriteFile(filepath.Join(vectorDir, name+".txt"), []byte(v.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(vectorDir, 0o755); err != nil {
		t.Fatal(err)
	}
	put("stock-page1", "", "", base(1), nil)
	put("stock-page2", "", "", base(2), nil)
	put("flipped-text", "tampered", "one bit of the ciphertext", base(2), func(v *vector) { v.sealed[1234] ^= 8 })
	put("flipped-iv", "tampered", "one bit of the IV", base(2), func(v *vector) { v.sealed[4016] ^= 1 })
	put("flipped-mac", "tampered", "the last bit of the MAC", base(2), func(v *vector) { v.sealed[4095] ^= 1 })
	put("moved", "tampered", "page 2 read as page 3", base(2), func(v *vector) { v.page = 3 })
	put("moved-bytes", "tampered", "page number 0x01000000: the MAC takes it little-endian", base(1), func(v *vector) { v.page = 0x01000000 })
	put("zero", "tampered", "a page of zeros", base(2), func(v *vector) { clear(v.sealed) })
	put("salt", "tampered", "one bit of the salt in the page", base(1), func(v *vector) { v.sealed[0] ^= 1 })
	put("other-key", "wrong key", "the last bit of the key", base(2), func(v *vector) { v.key[31] ^= 1 })
	put("other-salt", "wrong key", "another salt gives another MAC key", base(2), func(v *vector) {
		v.salt = bytes.Clone(v.salt)
		v.salt[15] ^= 1
	})
}

func FuzzCodec(f *testing.F) {
	vectors := loadVectors(f)
	for _, v := range vectors {
		f.Add(v.key, v.salt, v.page, v.sealed)
	}
	genuine := make(map[string]bool)
	for _, v := range vectors {
		if v.expect == "ok" {
			genuine[fmt.Sprintf("%d %x", v.page, v.sealed)] = true
		}
	}
	f.Fuzz(func(t *testing.T, key, salt []byte, no uint32, sealed []byte) {
		if len(key) != sqlcipher.KeySize || len(salt) != sqlcipher.SaltSize || len(sealed) != sqlcipher.PageSize || no == 0 {
			return
		}
		c := newCodec(t, secret.Take(bytes.Clone(key)), salt)
		page := bytes.Clone(sealed)
		if err := c.Open(page, no); err == nil && !genuine[fmt.Sprintf("%d %x", no, sealed)] {
			t.Errorf("a forged page %d opens", no)
		}
		plain := bytes.Clone(sealed)
		c.Seal(page, plain, no)
		if err := c.Open(page, no); err != nil {
			t.Fatal(err)
		}
		from := 0
		if no == 1 {
			from = sqlcipher.SaltSize
		}
		if !bytes.Equal(page[from:4016], plain[from:4016]) {
			t.Error("open(seal(x)) is not x")
		}
	})
}
