package keyring

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/canon"
	"github.com/locketpod/locket/internal/durable"
	"github.com/locketpod/locket/internal/secret"
)

const (
	headerFile    = "header"
	headerVersion = 1
	maxHeaderSize = 64 << 10 // bytes
	maxSlots      = 64
)

// A Header is a pod's slots. What Load gave is not yet authenticated; Open, Add…
// and Remove authenticate it first. The zero Header stands for a pod that does not
// exist: Open refuses a password after as much work. Not safe for concurrent use.
type Header struct {
	contents contents
	body     []byte // the encoding of contents that mac authenticates
	mac      [sha256.Size]byte
}

// contents is what the MAC authenticates.
type contents struct {
	Pod        [16]byte `cbor:"pod"`
	Generation int64    `cbor:"gen"`
	Slots      []slot   `cbor:"slots"`
}

// envelope is the file. Every later version keeps this form, so that every
// version can tell that a header is newer than itself.
type envelope struct {
	Version int64             `cbor:"v"`
	Body    []byte            `cbor:"body"`
	MAC     [sha256.Size]byte `cbor:"mac"`
}

// SlotInfo is what is public about a slot.
type SlotInfo struct {
	ID         SlotID
	Kind       Kind
	Generation int64 // of the header when the slot was made
}

// New returns the header of a new pod, which has no slot yet, and the pod's key,
// which the caller wipes.
func New(pod locket.PodID) (*Header, *secret.Key, error) {
	id, ok := locket.ParseUUID(string(pod))
	if !ok {
		return nil, nil, fmt.Errorf("keyring: malformed pod id %q", pod)
	}
	h, podKey := &Header{}, secret.Random(KeySize)
	if err := h.write(podKey, contents{Pod: id}); err != nil {
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
	return parse(data)
}

func parse(data []byte) (*Header, error) {
	if len(data) > maxHeaderSize {
		return nil, tampered(errors.New("too long"))
	}
	var e envelope
	if err := canon.Unmarshal(data, &e); err != nil {
		return nil, tampered(err)
	}
	if e.Version > headerVersion {
		return nil, locket.Errorf(locket.CodeNewer, "the pod's header has version %d and this Locket reads up to %d; use a newer Locket",
			e.Version, headerVersion)
	}
	if e.Version < 1 {
		return nil, tampered(fmt.Errorf("version %d", e.Version))
	}
	h := &Header{body: e.Body, mac: e.MAC}
	if err := canon.Unmarshal(e.Body, &h.contents); err != nil {
		return nil, tampered(err)
	}
	if err := h.contents.check(); err != nil {
		return nil, tampered(err)
	}
	return h, nil
}

func (c contents) check() error {
	if len(c.Slots) == 0 || len(c.Slots) > maxSlots || c.Generation < 1 {
		return fmt.Errorf("%d slots at generation %d", len(c.Slots), c.Generation)
	}
	passwords, seen := 0, map[SlotID]bool{}
	for _, s := range c.Slots {
		if err := s.check(); err != nil {
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

// Save replaces the header in root, durably and whole.
func (h *Header) Save(root *os.Root) error {
	if len(h.contents.Slots) == 0 {
		return ErrLastSlot
	}
	data, err := h.encode()
	if err != nil {
		return err
	}
	if len(data) > maxHeaderSize {
		return ErrTooManySlots
	}
	return durable.WriteFile(root, headerFile, data)
}

func (h *Header) encode() ([]byte, error) {
	return canon.Marshal(envelope{Version: headerVersion, Body: h.body, MAC: h.mac})
}

// Pod returns the id of the pod.
func (h *Header) Pod() locket.PodID { return podID(h.contents.Pod) }

// Generation counts the changes of the header. The pod's database holds the same
// number, which shows that an old header was put back.
func (h *Header) Generation() int64 { return h.contents.Generation }

// Slots lists the slots in the order they were added, those of unknown kinds too.
func (h *Header) Slots() []SlotInfo {
	infos := make([]SlotInfo, len(h.contents.Slots))
	for i, s := range h.contents.Slots {
		infos[i] = SlotInfo{ID: s.ID, Kind: s.Kind, Generation: s.Generation}
	}
	return infos
}

// Open returns the pod key, which the caller wipes, and the slot that gave it.
// Its error has CodeUnauthenticated and wraps ErrWrongSecret if no slot fits, and
// CodeTampered if a slot fits but the header is not what was written. kdf is used
// for passwords only.
func (h *Header) Open(ctx context.Context, kdf *KDF, c Credential) (*secret.Key, SlotID, error) {
	for _, s := range h.contents.Slots {
		podKey, err := h.openSlot(ctx, kdf, c, s)
		if errors.Is(err, ErrWrongSecret) {
			continue
		}
		return podKey, s.ID, err
	}
	if p, ok := c.(Password); ok && h.count(KindPassword) == 0 {
		return nil, SlotID{}, kdf.decoy(ctx, p.Secret)
	}
	return nil, SlotID{}, wrongSecret()
}

func (h *Header) openSlot(ctx context.Context, kdf *KDF, c Credential, s slot) (*secret.Key, error) {
	slotKey, err := c.slotKey(ctx, kdf, h.contents.Pod, s)
	if err != nil {
		return nil, err
	}
	defer slotKey.Wipe()
	podKey, err := s.unwrap(h.contents.Pod, slotKey)
	if err != nil {
		return nil, err
	}
	if err := h.verify(podKey); err != nil {
		podKey.Wipe()
		return nil, err
	}
	return podKey, nil
}

// Remove removes a slot. The header must be saved afterwards.
func (h *Header) Remove(podKey *secret.Key, id SlotID) error {
	if err := h.verify(podKey); err != nil {
		return err
	}
	i := slices.IndexFunc(h.contents.Slots, func(s slot) bool { return s.ID == id })
	if i < 0 {
		return ErrNoSlot
	}
	if len(h.contents.Slots) == 1 {
		return ErrLastSlot
	}
	c := h.contents
	c.Generation++
	c.Slots = slices.Delete(slices.Clone(c.Slots), i, i+1)
	return h.write(podKey, c)
}

// add wraps the pod key into s and adds it.
func (h *Header) add(podKey, slotKey *secret.Key, s slot) (SlotID, error) {
	if err := h.verify(podKey); err != nil {
		return SlotID{}, err
	}
	if len(h.contents.Slots) >= maxSlots {
		return SlotID{}, ErrTooManySlots
	}
	c := h.contents
	c.Generation++
	s.Generation = c.Generation
	if err := s.wrap(c.Pod, slotKey, podKey); err != nil {
		return SlotID{}, err
	}
	c.Slots = append(slices.Clone(c.Slots), s)
	return s.ID, h.write(podKey, c)
}

func (h *Header) count(k Kind) int {
	n := 0
	for _, s := range h.contents.Slots {
		if s.Kind == k {
			n++
		}
	}
	return n
}

// write makes c the contents; if it fails nothing was changed.
func (h *Header) write(podKey *secret.Key, c contents) error {
	body, err := canon.Marshal(c)
	if err != nil {
		return err
	}
	mac, err := headerMAC(podKey, body)
	if err != nil {
		return err
	}
	h.contents, h.body, h.mac = c, body, mac
	return nil
}

func (h *Header) verify(podKey *secret.Key) error {
	mac, err := headerMAC(podKey, h.body)
	if err != nil {
		return err
	}
	if !hmac.Equal(mac[:], h.mac[:]) {
		return tampered(errors.New("MAC does not fit"))
	}
	return nil
}

// headerMAC returns HMAC-SHA256 over the version and the body.
func headerMAC(podKey *secret.Key, body []byte) (mac [sha256.Size]byte, err error) {
	key, err := Derive(podKey, PurposeHeaderMAC, KeySize)
	if err != nil {
		return mac, err
	}
	defer key.Wipe()
	data, err := canon.Marshal(struct {
		Version int64  `cbor:"v"`
		Body    []byte `cbor:"body"`
	}{headerVersion, body})
	if err != nil {
		return mac, err
	}
	h := hmac.New(sha256.New, key.Bytes())
	h.Write(data)
	h.Sum(mac[:0])
	return mac, nil
}

func podID(raw [16]byte) locket.PodID { return locket.PodID(locket.FormatUUID(raw)) }
