package keyring

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/canon"
	"github.com/locketpod/locket/internal/durable"
	"github.com/locketpod/locket/internal/secret"
)

// HeaderVersion is the version of the headers that this program writes.
const HeaderVersion = 2

const (
	headerFile    = "header"
	maxHeaderSize = 256 << 10 // bytes
	maxSlots      = 64
)

// A Header is a pod's slots. What Load gave is not yet authenticated; Open, Add…
// and Remove authenticate it first. The zero Header stands for a pod that does not
// exist: Open refuses a password after as much work. Not safe for concurrent use.
type Header struct {
	contents contents
	version  int64  // of the form that was read
	body     []byte // the encoding of contents that mac authenticates
	mac      [sha256.Size]byte
	saved    int64 // generation of the file; 0: there is none
}

// contents is what the MAC authenticates, together with the version.
type contents struct {
	Pod        [16]byte `cbor:"pod"`
	Generation int64    `cbor:"gen"`
	Epoch      int64    `cbor:"epoch,omitempty"` // of the pod key, from 1; 0, that is absent, in version 1
	Slots      []slot   `cbor:"slots"`
}

// envelope is the file. Every later version keeps this form, so that every
// version can tell that a header is newer than itself.
type envelope struct {
	Version int64             `cbor:"v"`
	Body    []byte            `cbor:"body"`
	MAC     [sha256.Size]byte `cbor:"mac"`
}

// New returns the header of a new pod, which has no slot yet, and the pod's key,
// which the caller wipes.
func New(pod locket.PodID) (*Header, *secret.Key, error) {
	id, ok := locket.ParseUUID(string(pod))
	if !ok {
		return nil, nil, fmt.Errorf("keyring: malformed pod id %q", pod)
	}
	h, podKey := &Header{}, secret.Random(KeySize)
	if err := h.write(podKey, contents{Pod: id, Epoch: 1}); err != nil {
		podKey.Wipe()
		return nil, nil, err
	}
	return h, podKey, nil
}

// Load reads the header in root, the pod's folder. Its error has CodeTampered for
// a malformed header, CodeNewer for one of a later version, and wraps
// fs.ErrNotExist if there is none.
func Load(root *os.Root) (*Header, error) {
	f, err := root.Open(headerFile)
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxHeaderSize+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	return Parse(data)
}

// Parse reads the bytes of a header, with the errors of Load.
func Parse(data []byte) (*Header, error) {
	if len(data) > maxHeaderSize {
		return nil, tampered(errors.New("too long"))
	}
	var e envelope
	if err := canon.Unmarshal(data, &e); err != nil {
		return nil, tampered(err)
	}
	if e.Version > HeaderVersion {
		return nil, locket.Errorf(locket.CodeNewer, "the pod's header has version %d and this Locket reads up to %d; use a newer Locket",
			e.Version, HeaderVersion)
	}
	if e.Version < 1 {
		return nil, tampered(fmt.Errorf("version %d", e.Version))
	}
	h := &Header{version: e.Version, body: e.Body, mac: e.MAC}
	if err := canon.Unmarshal(e.Body, &h.contents); err != nil {
		return nil, tampered(err)
	}
	h.saved = h.contents.Generation
	if err := h.contents.check(e.Version); err != nil {
		return nil, tampered(err)
	}
	return h, nil
}

func (c contents) check(version int64) error {
	if first := version == 1; first != (c.Epoch == 0) || c.Epoch < 0 {
		return fmt.Errorf("epoch %d in version %d", c.Epoch, version)
	}
	if len(c.Slots) == 0 || len(c.Slots) > maxSlots || c.Generation < 1 {
		return fmt.Errorf("%d slots at generation %d", len(c.Slots), c.Generation)
	}
	passwords, seen := 0, map[SlotID]bool{}
	for _, s := range c.Slots {
		if err := s.check(version); err != nil {
			return err
		}
		if s.Generation > c.Generation || seen[s.ID] {
			return fmt.Errorf("slot %s: repeated, or newer than the header", s.ID)
		}
		seen[s.ID] = true
		if s.Kind == KindPassword {
			passwords++
		}
	}
	if passwords > maxPasswords {
		return fmt.Errorf("%d password slots", passwords)
	}
	return nil
}

// Save replaces the header in root, durably and whole. No other process may be saving
// it. Copies that a crash left go first: they may have slots that are not wanted any more.
func (h *Header) Save(root *os.Root) error {
	data, err := h.Encode()
	if err != nil {
		return err
	}
	if err := durable.RemoveTemps(root, headerFile); err != nil {
		return err
	}
	if err := durable.WriteFile(root, headerFile, data); err != nil {
		return err
	}
	h.saved = h.contents.Generation
	return nil
}

// Encode returns the bytes of the file.
func (h *Header) Encode() ([]byte, error) {
	if len(h.contents.Slots) == 0 {
		return nil, ErrLastSlot
	}
	data, err := canon.Marshal(envelope{Version: h.version, Body: h.body, MAC: h.mac})
	if err == nil && len(data) > maxHeaderSize {
		err = ErrTooManySlots
	}
	return data, err
}

// Pod returns the id of the pod.
func (h *Header) Pod() locket.PodID { return podID(h.contents.Pod) }

// Generation counts how often the header was saved, and is that of the next time once it
// was changed. The pod's database holds the same number, which shows that an old header
// was put back. However much is changed at once it rises by one: a header that is further
// ahead of the database would pass for one whose database was put back.
func (h *Header) Generation() int64 { return h.contents.Generation }

// next is the generation that a change gives the header.
func (h *Header) next() int64 { return h.saved + 1 }

// Epoch counts the pod's keys, from 1: each rotation makes another.
func (h *Header) Epoch() int64 { return max(h.contents.Epoch, 1) }

// write makes c the contents; if it fails nothing was changed.
func (h *Header) write(podKey *secret.Key, c contents) error {
	c.Epoch = max(c.Epoch, 1)
	body, err := canon.Marshal(c)
	if err != nil {
		return err
	}
	mac, err := headerMAC(podKey, HeaderVersion, body)
	if err != nil {
		return err
	}
	h.contents, h.version, h.body, h.mac = c, HeaderVersion, body, mac
	return nil
}

func (h *Header) verify(podKey *secret.Key) error {
	mac, err := headerMAC(podKey, h.version, h.body)
	if err != nil {
		return err
	}
	if !hmac.Equal(mac[:], h.mac[:]) {
		return tampered(errors.New("MAC does not fit"))
	}
	return nil
}

// headerMAC returns HMAC-SHA256 over the version and the body.
func headerMAC(podKey *secret.Key, version int64, body []byte) (mac [sha256.Size]byte, err error) {
	key, err := Derive(podKey, PurposeHeaderMAC, KeySize)
	if err != nil {
		return mac, err
	}
	defer key.Wipe()
	data, err := canon.Marshal(struct {
		Version int64  `cbor:"v"`
		Body    []byte `cbor:"body"`
	}{version, body})
	if err != nil {
		return mac, err
	}
	h := hmac.New(sha256.New, key.Bytes())
	h.Write(data)
	h.Sum(mac[:0])
	return mac, nil
}

func podID(raw [16]byte) locket.PodID { return locket.PodID(locket.FormatUUID(raw)) }
