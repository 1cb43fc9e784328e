package backup

import (
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"github.com/locketpod/locket"
)

const fuzzPod = locket.PodID("7f0cbb21-8a5c-4a4f-9a5e-0d6b1c3f2a10")

func sample() *Manifest {
	return &Manifest{
		Pod: fuzzPod, ID: "20261121T143000Z-1a2b3c4d", Epoch: 2, Generation: 7, Taken: time.Date(2026, 11, 21, 14, 30, 0, 0, time.UTC),
		Header: Hash{1}, Checkpoint: "locket-pod/x\n5\n", Previous: Link{"20261120T143000Z-00000000", Hash{2}}, Recipients: []string{"age1pq1a", "age1pq1b"},
		Database: "pod.2.db", Pages: segmentPages + 1, segments: []segment{{Hash{3}, Hash{4}, segmentPages}, {Hash{5}, Hash{6}, 1}},
		Blobs: 3, BlobBytes: 12345, Gone: 1, blobs: []Hash{{7}, {8}},
	}
}

func TestManifestRoundTrip(t *testing.T) {
	m := sample()
	got, err := parseManifest(m.text())
	if err != nil || got.text() != m.text() {
		t.Fatalf("%v", err)
	}
	lines := strings.SplitAfter(m.text(), "\n")
	for i, line := range lines[:len(lines)-1] {
		if strings.HasPrefix(line, "list ") || strings.HasPrefix(line, "recipient ") || strings.HasPrefix(line, "locket-backup/") {
			continue // may be absent, or is judged before
		}
		without := strings.Join(lines[:i], "") + strings.Join(lines[i+1:], "")
		twice := strings.Join(lines[:i+1], "") + strings.Join(lines[i:], "")
		for _, text := range []string{without, twice} {
			if _, err := parseManifest(text); err == nil {
				t.Errorf("accepted without, or with two of: %s", line)
			}
		}
	}
	for old, bad := range map[string]string{
		"pod.2.db":    "../pod.db",
		"65537":       "65536",
		"epoch 2":     "epoch 02",
		"epoch ":      "epoch -",
		"age1pq1b":    "age1pq10",
		"4096":        "8192",
		" 12345 ":     "  12345 ",
		"20261121T14": "20261399T14",
		"list ":       "\nlist ",
	} {
		if _, err := parseManifest(strings.Replace(m.text(), old, bad, 1)); err == nil {
			t.Errorf("accepted %q for %q", bad, old)
		}
	}
	newer := strings.Replace(m.text(), "format 1", "format 2", 1)
	if _, err := parseManifest(newer); locket.CodeOf(err) != locket.CodeNewer {
		t.Errorf("a newer format: %v", err)
	}
}

func TestSealedSizes(t *testing.T) {
	s := &sealer{overhead: 1500}
	for _, n := range []int64{0, 1, chunkSize - 1, chunkSize, chunkSize + 1, 2 * chunkSize, maxObject} {
		if got, ok := s.plainSize(s.stored(n)); !ok || got != n {
			t.Errorf("%d: %d, %v", n, got, ok)
		}
	}
	for _, n := range []int64{0, 1500, 1500 + nonceSize + tagSize - 1, s.stored(chunkSize) + 1, s.stored(chunkSize) + tagSize} {
		if got, ok := s.plainSize(n); ok {
			t.Errorf("a file of %d bytes holds %d", n, got)
		}
	}
}

// A list that puts pages elsewhere than the digests say is not believed.
func TestCheckPages(t *testing.T) {
	pack := make([]byte, 2*pageSize)
	pack[pageSize] = 1
	digests := append(digest(pack[:pageSize]), digest(pack[pageSize:])...)
	give := func(uint32, []byte) error { return nil }
	if err := checkPages("x", pack, []run{{0, 2, 0}}, digests, give); err != nil {
		t.Error(err)
	}
	for _, r := range []run{{1, 1, 0}, {0, 1, 1}, {1, 2, 0}} {
		if err := checkPages("x", pack, []run{r}, digests, give); !isFinding(err) {
			t.Errorf("%v: %v", r, err)
		}
	}
}

// FuzzParse: what is accepted is within bounds and comes out the same.
func FuzzParse(f *testing.F) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sample().text())
	f.Add(string(extentsText([]extent{{Hash{1}, 0, 1}, {Hash{2}, 1023, 1}})))
	f.Add(part{blob: "0123456789abcdef0123456789abcdef", size: 5, hash: Hash{1}}.text())
	f.Add(part{blob: "0123456789abcdef0123456789abcdef", gone: true}.text())
	f.Add(pruneText(fuzzPod, []pruned{{Link{"20261120T143000Z-00000000", Hash{2}}, Link{}}}))
	f.Fuzz(func(t *testing.T, text string) {
		if m, err := parseManifest(text); err == nil && (m.text() != text || !m.complete() || m.Blobs < 0) {
			t.Error("manifest")
		}
		if list, err := parseExtents([]byte(text), 2); err == nil && string(extentsText(list)) != text {
			t.Error("extents")
		}
		if p, err := parsePart(text); err == nil && (p.text() != text || p.size > maxObject || len(text) > maxPart) {
			t.Error("part")
		}
		if id, set, ok := parseManifestName(text); ok && (manifestName(id, set) != text || !validName(text)) {
			t.Error("name of a manifest")
		}
		if set, h, ok := parseObjectName(text); ok && (objectName(set, h) != text || !validName(text)) {
			t.Error("name of an object")
		}
		if signed, err := signNote(text, fuzzPod, key); err == nil {
			list, err := parsePrune(signed, fuzzPod, []ed25519.PublicKey{key.Public().(ed25519.PublicKey)})
			if err == nil && pruneText(fuzzPod, list) != text {
				t.Error("prune")
			}
		}
	})
}
