package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/locketpod/locket"
)

func TestReadClients(t *testing.T) {
	const good = `[{"client_id":"x","client_name":"X","redirect_uris":["https://x.example/cb"]}]`
	for text, want := range map[string]locket.Code{
		good:                         "",
		`[]`:                         "",
		good + `[]`:                  locket.CodeInvalid,
		`{}`:                         locket.CodeInvalid,
		`[{"client_secret":"hush"}]`: locket.CodeInvalid,
		``:                           locket.CodeInvalid,
	} {
		path := filepath.Join(t.TempDir(), "clients.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		clients, err := readClients(path)
		if locket.CodeOf(err) != want || text == good && (len(clients) != 1 || clients[0].Redirects[0] != "https://x.example/cb") {
			t.Errorf("%s: %v, %v", text, clients, err)
		}
	}
	if _, err := readClients(filepath.Join(t.TempDir(), "missing")); locket.CodeOf(err) != locket.CodeInvalid {
		t.Errorf("a file that isn't there: %v", err)
	}
}
