package seal_test

import (
	"bytes"
	"io"
	"testing"

	"filippo.io/age"

	"github.com/locketpod/locket/internal/seal"
	"github.com/locketpod/locket/internal/secret"
)

// ageFile returns an age file and its parts.
func ageFile(t *testing.T, plain []byte) (file, header []byte, fileKey *secret.Key) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w, err := age.Encrypt(&out, id.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	header, err = age.ExtractHeader(bytes.NewReader(out.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	k, err := age.DecryptHeader(header, id)
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), header, secret.Take(k)
}

func TestReadsWhatAgeWrites(t *testing.T) {
	for _, n := range sizes {
		plain := content(n)
		file, header, fileKey := ageFile(t, plain)
		if got, err := read(file[len(header):], fileKey); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes: got %d, %v", n, len(got), err)
		}
	}
}

func TestAgeReadsWhatWeWrite(t *testing.T) {
	_, header, fileKey := ageFile(t, nil)
	for _, n := range sizes {
		plain := content(n)
		file := append(bytes.Clone(header), write(t, fileKey, plain, 1<<20)...)
		r, err := age.Decrypt(bytes.NewReader(file), age.NewInjectedFileKeyIdentity(fileKey.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes: got %d, %v", n, len(got), err)
		}
		if seal.StreamSize(int64(n)) != int64(len(file)-len(header)) {
			t.Errorf("%d bytes: StreamSize %d, file has %d", n, seal.StreamSize(int64(n)), len(file)-len(header))
		}
	}
}
