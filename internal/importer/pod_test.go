package importer_test

import (
	"crypto/ed25519"
	"os"
	"path/filepath"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/blob"
	"github.com/locketpod/locket/internal/importer"
	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/store"
)

// newPod returns the owner's view of a new pod in a temporary folder.
func newPod(t testing.TB) *store.View {
	t.Helper()
	return newVisits(t)()
}

// newVisits makes a pod, and returns what gives a new view of its owner's.
func newVisits(t testing.TB) func() *store.View {
	t.Helper()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	blobs, err := blob.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	_, signer, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	owner := locket.Principal{ID: locket.NewPrincipalID(), Kind: locket.KindOwner, Name: "owner"}
	s, err := store.Create(t.Context(), store.Config{
		Path: filepath.Join(dir, "pod.db"), Blobs: blobs, Key: secret.Random(32), Signer: signer, Pod: locket.NewPodID(),
	}, owner)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return func() *store.View {
		t.Helper()
		v, err := s.Admit(t.Context(), store.Visitor{Principal: owner.ID})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// sample returns the path of a folder of the sample data that lies beside the
// checkout.
func sample(t testing.TB, parts ...string) string {
	t.Helper()
	p := filepath.Join(append([]string{"..", "..", "..", "shared", "data"}, parts...)...)
	if _, err := os.Stat(p); err != nil {
		if os.Getenv("LOCKET_CI") == "1" {
			t.Fatalf("sample data is missing: %v", err)
		}
		t.Skipf("SKIPPED: no sample data at %s; put the folder shared/data beside the checkout", p)
	}
	return p
}

func open(t testing.TB, path string) *importer.Tree {
	t.Helper()
	tree, err := importer.OpenPath(path, importer.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tree.Close() })
	return tree
}

// run imports what is at path and checks that its ledger adds up.
func run(t testing.TB, v *store.View, path string) importer.Report {
	t.Helper()
	return runTree(t, v, open(t, path), importer.Options{})
}

func runTree(t testing.TB, v *store.View, tree *importer.Tree, o importer.Options) importer.Report {
	t.Helper()
	r, err := importer.Run(t.Context(), v, tree, nil, o)
	if err != nil {
		t.Fatalf("import of %s: %v", tree.Name(), err)
	}
	if r.Finished.IsZero() {
		t.Error("a run that ended without error is not marked finished")
	}
	checkLedger(t, v, r)
	return r
}

// checkLedger compares a report with the ledger it speaks of, line by line.
func checkLedger(t testing.TB, v *store.View, r importer.Report) {
	t.Helper()
	if r.Read != r.Imported+r.Duplicate+r.Rejected {
		t.Errorf("read %d, but imported %d + duplicate %d + rejected %d", r.Read, r.Imported, r.Duplicate, r.Rejected)
	}
	counts := make(map[locket.Outcome]int64)
	for _, e := range ledger(t, v, r.ID) {
		counts[e.Outcome]++
		if e.Item == "" && e.Outcome != locket.Rejected || e.Reason == "" && e.Outcome == locket.Rejected {
			t.Errorf("ledger line says too little: %+v", e)
		}
	}
	if counts[locket.Imported] != r.Imported || counts[locket.Duplicate] != r.Duplicate || counts[locket.Rejected] != r.Rejected {
		t.Errorf("ledger has %v, report says %+v", counts, r.Import)
	}
	checkStored(t, v, r)
}

// checkStored compares a report with what the pod says of the run.
func checkStored(t testing.TB, v *store.View, r importer.Report) {
	t.Helper()
	page, err := v.Imports(t.Context(), 1, "")
	if err != nil || len(page.Items) != 1 {
		t.Fatalf("imports: %v, %v", page.Items, err)
	}
	m := page.Items[0]
	if m.ID != r.ID || m.Source != r.Source || m.Read != r.Read || m.Finished.IsZero() != r.Finished.IsZero() {
		t.Errorf("the pod says %+v, the report %+v", m, r.Import)
	}
}

func ledger(t testing.TB, v *store.View, id string) []locket.LedgerEntry {
	t.Helper()
	var all []locket.LedgerEntry
	for cursor := ""; ; {
		page, err := v.Ledger(t.Context(), id, 1000, cursor)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Items...)
		if cursor = page.Next; cursor == "" {
			return all
		}
	}
}

// items returns all items of a type by name; of several with one name the last.
func items(t testing.TB, v *store.View, typ string) map[string]locket.Item {
	t.Helper()
	out := make(map[string]locket.Item)
	for cursor := ""; ; {
		page, err := v.Query(t.Context(), locket.Query{Type: typ, Limit: 1000, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range page.Items {
			out[it.Text("name")] = it
		}
		if cursor = page.Next; cursor == "" {
			return out
		}
	}
}
