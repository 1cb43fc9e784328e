package keystore_test

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	oskeyring "github.com/zalando/go-keyring"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keystore"
)

func TestDesktop(t *testing.T) {
	oskeyring.MockInit()
	testStore(t, keystore.Desktop())
}

func TestDesktopRefuses(t *testing.T) {
	oskeyring.MockInitWithError(errors.New("The name org.freedesktop.secrets was not provided"))
	_, err := keystore.Desktop().Get(pod)
	for _, err := range []error{err, keystore.Desktop().Set(pod, key("lk_x")), keystore.Desktop().Delete(pod)} {
		if !errors.Is(err, keystore.ErrUnavailable) || locket.CodeOf(err) != locket.CodeUnsupported || strings.Contains(err.Error(), "lk_x") {
			t.Errorf("without a keyring: %v, want ErrUnavailable", err)
		}
	}
	oskeyring.MockInit()
	for _, text := range []string{"", "not one word", strings.Repeat("k", keystore.MaxSecret+1)} {
		if err := oskeyring.Set("locket", pod, text); err != nil {
			t.Fatal(err)
		}
		if got, err := keystore.Desktop().Get(pod); locket.CodeOf(err) != locket.CodeInvalid || got != nil || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%.20q was put there: got %v, want invalid", text, err)
		}
	}
}

const envRealDesktop = "LOCKET_TEST_REAL_DESKTOP"

// TestSecretService runs this test again in a desktop session of its own, with the
// keyring of GNOME.
func TestSecretService(t *testing.T) {
	if os.Getenv(envRealDesktop) != "" {
		testStore(t, keystore.Desktop())
		return
	}
	if runtime.GOOS != "linux" {
		t.Skip("needs the Secret Service")
	}
	for _, tool := range []string{"dbus-run-session", "gnome-keyring-daemon"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing(t, err.Error())
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "dbus-run-session", "--", "sh", "-c",
		`printf password | gnome-keyring-daemon --unlock --components=secrets >/dev/null && exec "$0" -test.run '^TestSecretService$' -test.v`, self)
	home := t.TempDir()
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_DATA_HOME="+home, "XDG_RUNTIME_DIR="+home, envRealDesktop+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestSecretService") {
		t.Errorf("%v\n%s", err, out)
	}
}
