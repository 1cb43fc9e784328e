package pods_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/agekey"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/store"
)

func (w *keyWorld) take(s keyStep) error {
	w.step++
	r := rand.New(rand.NewPCG(s.r, 0))
	if err := keySteps[s.kind].do(w, r); err != nil {
		return err
	}
	return w.note(r)
}

// note writes one more note, in most steps.
func (w *keyWorld) note(r *rand.Rand) error {
	a := w.actor(r)
	place, memory := w.live, a.memory
	if v := place.visit(w.known[a.cred], &memory); v.code != "" || v.agent || r.IntN(4) == 0 {
		return nil
	}
	text := fmt.Sprint(w.step)
	return w.change(a, "note "+text, func(v *pods.Visit) error {
		_, err := v.View.Write(w.t.Context(), func(s *store.Writer) error {
			_, err := s.Create(store.Draft{Type: "Note", Props: map[string]any{"name": text}})
			return err
		})
		return err
	}, func(e *modelEdit) locket.Code {
		e.notes = append(slices.Clip(e.notes), text)
		w.step++ // an entry of its own
		return ""
	})
}

// add changes the live pod by a slot for a credential, which do makes and returns the id of.
// Afterwards the slots in ended are no more.
func (w *keyWorld) add(a actor, what string, cred int, name modelName, ended []string, do func(context.Context, *pods.Keys) (string, error)) error {
	s := modelSlot{modelCred: w.known[cred]}
	return w.change(a, what, func(v *pods.Visit) (err error) {
		s.id, err = do(w.t.Context(), v.Keys())
		return err
	}, func(e *modelEdit) locket.Code {
		e.next()
		if s.kind == keyring.KindRecovery {
			s.epoch = int64(e.modelHeader.gen)
		}
		if code := e.add(s, name); code != "" {
			return code
		}
		return e.end(ended)
	})
}

func (w *keyWorld) somePassword(r *rand.Rand) int { return w.password(r.IntN(2), r.IntN(3)) }

func (w *keyWorld) addPassword(r *rand.Rand) error {
	a, cred := w.actor(r), w.somePassword(r)
	return w.add(a, "add "+w.name(cred), cred, modelName{name: "added"}, nil, func(ctx context.Context, k *pods.Keys) (string, error) {
		return k.AddPassword(ctx, "added", w.creds[cred].(keyring.Password))
	})
}

func (w *keyWorld) changePassword(r *rand.Rand) error {
	a, cred := w.actor(r), w.somePassword(r)
	old := w.slots(r, 1, func(s modelSlot) bool { return s.kind == keyring.KindPassword || r.IntN(10) == 0 })
	if len(old) == 0 {
		old = []string{noSlot}
	}
	return w.add(a, "change password of "+old[0]+" to "+w.name(cred), cred, modelName{name: "changed"}, old, func(ctx context.Context, k *pods.Keys) (string, error) {
		return k.ChangePassword(ctx, old[0], "changed", w.creds[cred].(keyring.Password))
	})
}

func (w *keyWorld) addAPIKey(r *rand.Rand) error {
	return w.addToken(w.actor(r), "add an API key", modelName{name: "key"}, func(ctx context.Context, k *pods.Keys) (string, *keyring.Token, error) {
		if err := ownersKeys(k); err != nil { // an agent could make one for itself
			return "", nil, err
		}
		return k.AddAPIKey(ctx, "key", "")
	})
}

// ownersKeys fails for everybody but the owner.
func ownersKeys(k *pods.Keys) error {
	key, err := k.DatabaseKey()
	key.Wipe()
	return err
}

func (w *keyWorld) addAgent(r *rand.Rand) error {
	name := fmt.Sprint("agent ", w.step)
	return w.addToken(w.actor(r), "add "+name, modelName{name, true}, func(ctx context.Context, k *pods.Keys) (string, *keyring.Token, error) {
		if err := ownersKeys(k); err != nil {
			return "", nil, err
		}
		_, id, token, err := k.AddPrincipal(ctx, locket.Principal{Kind: locket.KindAgent, Name: name})
		return id, token, err
	})
}

// addToken adds an API key. Only if that succeeds there is a credential.
func (w *keyWorld) addToken(a actor, what string, name modelName, do func(context.Context, *pods.Keys) (string, *keyring.Token, error)) error {
	var token *keyring.Token
	cred := w.learn(modelCred{kind: keyring.KindAPIKey, secret: w.draw()}, nil)
	err := w.add(a, what, cred, name, nil, func(ctx context.Context, k *pods.Keys) (id string, err error) {
		id, token, err = do(ctx, k)
		return id, err
	})
	if token == nil {
		w.known, w.creds = w.known[:cred], w.creds[:cred]
		return err
	}
	w.creds[cred] = token
	return err
}

func (w *keyWorld) addOwner(r *rand.Rand) error {
	a, seed := w.actor(r), secret.Random(agekey.SeedSize)
	cred := w.learn(modelCred{kind: keyring.KindOwner, secret: w.draw()}, keyring.Owner{Seed: seed})
	public, err := agekey.Public(seed)
	if err != nil {
		return err
	}
	return w.add(a, "add "+w.name(cred), cred, modelName{name: "phone"}, nil, func(ctx context.Context, k *pods.Keys) (string, error) {
		return k.AddOwner(ctx, "phone", public)
	})
}

func (w *keyWorld) addMachine(r *rand.Rand) error {
	a, kept := w.actor(r), keyring.NewSecret()
	cred := w.learn(modelCred{kind: keyring.KindKeyring, secret: w.draw()}, keyring.Machine{Secret: kept})
	return w.add(a, "add "+w.name(cred), cred, modelName{name: "server"}, nil, func(ctx context.Context, k *pods.Keys) (string, error) {
		return k.AddMachine(ctx, "server", "kernel", kept)
	})
}

// addRecovery makes a recovery secret. Mostly it takes the place of those before it; now
// and then it can't be printed, and nothing must have changed.
func (w *keyWorld) addRecovery(r *rand.Rand) error {
	a, kept := w.actor(r), keyring.NewSecret()
	cred := w.learn(modelCred{kind: keyring.KindRecovery, secret: w.draw()}, keyring.Recovery{Secret: kept})
	var ended []string
	if r.IntN(4) > 0 {
		ended = w.slots(r, len(w.live.header.slots), func(s modelSlot) bool { return s.kind == keyring.KindRecovery })
	}
	if r.IntN(4) == 0 {
		return w.failRecovery(a, kept, ended)
	}
	what := fmt.Sprintf("add %s and end %q", w.name(cred), ended)
	return w.add(a, what, cred, modelName{name: "paper"}, ended, func(ctx context.Context, k *pods.Keys) (string, error) {
		made, err := k.AddRecovery(ctx, "paper", "", kept, ended, nil)
		return made.Slot.String(), err
	})
}

func (w *keyWorld) failRecovery(a actor, kept *secret.Key, ended []string) error {
	return w.change(a, "fail to print a recovery secret", func(v *pods.Visit) error {
		_, err := v.Keys().AddRecovery(w.t.Context(), "paper", "", kept, ended, func(pods.RecoveryInfo) error {
			return locket.Errorf(locket.CodeCancelled, "no printer")
		})
		return err
	}, func(*modelEdit) locket.Code { return locket.CodeCancelled })
}

const noSlot = "0123456789abcdef"

// slots picks up to n slots of the live pod.
func (w *keyWorld) slots(r *rand.Rand, n int, which func(modelSlot) bool) []string {
	var ids []string
	for _, i := range r.Perm(len(w.live.header.slots)) {
		if s := w.live.header.slots[i]; len(ids) < n && which(s) {
			ids = append(ids, s.id)
		}
	}
	return ids
}

func (w *keyWorld) anySlot(r *rand.Rand) string {
	if r.IntN(12) == 0 {
		return noSlot
	}
	return w.slots(r, 1, func(modelSlot) bool { return true })[0]
}

func (w *keyWorld) remove(r *rand.Rand) error {
	a, id := w.actor(r), w.anySlot(r)
	return w.change(a, "remove "+id, func(v *pods.Visit) error {
		if err := ownersKeys(v.Keys()); err != nil { // an agent could end its own
			return err
		}
		return v.Keys().Revoke(w.t.Context(), id)
	}, func(e *modelEdit) locket.Code {
		e.next()
		return e.end([]string{id})
	})
}

// removeMany goes on until one or two slots are left, or none may go.
func (w *keyWorld) removeMany(r *rand.Rand) error {
	for range len(w.live.header.slots) - 1 - r.IntN(2) {
		if err := w.remove(r); err != nil {
			return err
		}
		w.step++
	}
	return nil
}

func (w *keyWorld) rename(r *rand.Rand) error {
	a, id, name := w.actor(r), w.anySlot(r), fmt.Sprint("name ", w.step)
	return w.change(a, "rename "+id, func(v *pods.Visit) error {
		if err := ownersKeys(v.Keys()); err != nil {
			return err
		}
		return v.Keys().Rename(w.t.Context(), id, name)
	}, func(e *modelEdit) locket.Code {
		n, named := e.names[id]
		if !named { // whom it lets in is not known
			return locket.CodeNotFound
		}
		n.name = name
		e.names[id] = n
		return ""
	})
}

func (w *keyWorld) rotate(r *rand.Rand) error {
	a := w.actor(r)
	var ended []string
	if r.IntN(2) == 0 {
		ended = w.slots(r, 1+r.IntN(len(w.live.header.slots)), func(modelSlot) bool { return true })
	}
	if r.IntN(3) == 0 { // all but agents'
		d := w.live.data[w.live.header.epoch]
		ended = w.slots(r, len(w.live.header.slots), func(s modelSlot) bool { return !d.names[s.id].agent })
	}
	if r.IntN(12) == 0 {
		ended = append(ended, noSlot)
	}
	return w.change(a, fmt.Sprintf("rotate and end %q", ended), func(v *pods.Visit) error {
		_, err := v.Rotate(w.t.Context(), ended, nil)
		return err
	}, func(e *modelEdit) locket.Code {
		if slices.Contains(ended, noSlot) {
			return locket.CodeNotFound
		}
		if code := e.end(ended); code != "" {
			return code
		}
		w.keys++
		e.rotate(w.keys)
		return ""
	})
}
