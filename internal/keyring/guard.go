package keyring

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/canon"
	"github.com/locketpod/locket/internal/durable"
)

const (
	guessesFile    = "guesses"
	maxGuessesSize = 64 // bytes
	freeGuesses    = 3  // wrong passwords without a delay
	firstDelay     = time.Second
	maxDelay       = 5 * time.Minute
	maxGuesses     = freeGuesses + 9 // where the delay, doubled each time, has reached maxDelay
)

// A Guard slows down guessing at one pod's passwords: after three wrong ones the
// next must wait a second, then two, four and so on up to five minutes. The count
// is kept in the pod's folder, so all processes share it. API keys need no guard.
// Safe for concurrent use.
type Guard struct {
	root   *os.Root      // nil: the pod does not exist, and the count is kept in memory
	turn   chan struct{} // holds one token while a guess runs; guards memory
	memory guesses
}

// guesses is the content of the file.
type guesses struct {
	Count int64 `cbor:"n"` // wrong passwords since the last right one, at most maxGuesses
	Last  int64 `cbor:"t"` // when the last one was made, Unix microseconds
}

// NewGuard returns the guard of the pod whose folder is root. With a nil root it
// guards a pod that does not exist, in memory, and behaves alike. A process has
// one Guard for each pod.
func NewGuard(root *os.Root) *Guard {
	return &Guard{root: root, turn: make(chan struct{}, 1)}
}

// Try runs guess, one at a time, and counts it if its error wraps ErrWrongSecret;
// a nil error ends the count. While the delay lasts it does not run guess but
// returns an error with CodeTooMany that names the time to wait.
func (g *Guard) Try(ctx context.Context, guess func() error) error {
	select {
	case g.turn <- struct{}{}:
		defer func() { <-g.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	made, err := g.load(time.Now())
	if err != nil {
		return err
	}
	if wait := made.wait(time.Now()); wait > 0 {
		wait = (wait + time.Second - 1).Truncate(time.Second)
		return locket.Errorf(locket.CodeTooMany, "too many wrong passphrases; wait %s and try again", wait).Because(tooSoon(wait))
	}
	err = guess()
	switch {
	case errors.Is(err, ErrWrongSecret):
		made = guesses{Count: min(made.Count+1, maxGuesses), Last: time.Now().UnixMicro()}
		return errors.Join(err, g.store(made))
	case err == nil && made.Count > 0:
		return g.store(guesses{})
	default:
		return err
	}
}

// tooSoon is behind the error of a guess that came too soon: it says for how long.
type tooSoon time.Duration

func (t tooSoon) Error() string { return "keyring: a guess too soon by " + time.Duration(t).String() }

// RetryAfter returns how long to wait.
func (t tooSoon) RetryAfter() time.Duration { return time.Duration(t) }

// wait returns how long the next guess must wait.
func (m guesses) wait(now time.Time) time.Duration {
	if m.Count < freeGuesses {
		return 0
	}
	delay := min(firstDelay<<(m.Count-freeGuesses), maxDelay)
	return time.UnixMicro(m.Last).Add(delay).Sub(now)
}

func (m guesses) check(now time.Time) error {
	if m.Count < 1 || m.Count > maxGuesses || m.Last > now.UnixMicro() {
		return fmt.Errorf("%d guesses until %d", m.Count, m.Last)
	}
	return nil
}

// load reads the count. One that cannot be, or that lies in the future after the
// clock was set back, is replaced by the longest delay from now on: who could
// write it must gain nothing, and the owner must get in again.
func (g *Guard) load(now time.Time) (guesses, error) {
	if g.root == nil {
		return g.memory, nil
	}
	f, err := g.root.Open(guessesFile)
	if errors.Is(err, fs.ErrNotExist) {
		return guesses{}, nil
	}
	if err != nil {
		return guesses{}, fmt.Errorf("keyring: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxGuessesSize))
	if err := errors.Join(err, f.Close()); err != nil {
		return guesses{}, fmt.Errorf("keyring: %w", err)
	}
	var made guesses
	if err := canon.Unmarshal(data, &made); err != nil || made.check(now) != nil {
		made = guesses{Count: maxGuesses, Last: now.UnixMicro()}
		return made, g.store(made)
	}
	return made, nil
}

// store writes the count; zero removes it.
func (g *Guard) store(made guesses) error {
	if g.root == nil {
		g.memory = made
		return nil
	}
	if made.Count == 0 {
		if err := g.root.Remove(guessesFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("keyring: %w", err)
		}
		return nil
	}
	data, err := canon.Marshal(made)
	if err != nil {
		return err
	}
	return durable.WriteFile(g.root, guessesFile, data)
}
