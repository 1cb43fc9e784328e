package backup

import (
	"context"
	"crypto/ed25519"
	"errors"
	"strings"

	"filippo.io/age"

	"github.com/locketpod/locket"
)

// Each manifest names the one before it, and each run of Prune leaves a signed record of
// those that it removes: one that was removed or replaced otherwise is noticed.

// A pruned is a line of such a record: a snapshot that is gone, and the one before it.
type pruned struct{ gone, previous Link }

func (p pruned) text() string {
	return "pruned " + p.gone.text() + " after " + p.previous.text() + "\n"
}

func pruneText(pod locket.PodID, list []pruned) string {
	var b strings.Builder
	b.WriteString(pruneKind + string(pod) + "\n")
	for _, p := range list {
		b.WriteString(p.text())
	}
	return b.String()
}

func parsePrune(signed []byte, pod locket.PodID, keys []ed25519.PublicKey) ([]pruned, error) {
	text, err := openNote(signed, pod, keys)
	if err != nil {
		return nil, err
	}
	lines := lineReader{rest: text}
	lines.next(pruneKind)
	var list []pruned
	for lines.has("pruned ") {
		gone, previous, _ := strings.Cut(lines.next("pruned "), " after ")
		g, _ := parseLink(gone)
		p, _ := parseLink(previous)
		list = append(list, pruned{g, p})
	}
	if pruneText(pod, list) != text {
		return nil, errMalformed
	}
	return list, nil
}

// readPrunes gives, for every snapshot that the pod has pruned, the one before it. A record
// that is damaged is reported; those for other recipients are left out.
func readPrunes(ctx context.Context, t Target, pod locket.PodID, keys Keys, report func(Finding)) (map[Link]Link, error) {
	gone := make(map[Link]Link)
	for o, err := range t.List(ctx, pruneFolder) {
		if err != nil {
			return nil, err
		}
		id := strings.TrimSuffix(strings.TrimPrefix(o.Name, pruneFolder), objectEnd)
		if _, ok := timeOf(id); !ok || o.Name != pruneName(id) {
			continue
		}
		list, err := readPrune(ctx, t, o.Name, pod, keys)
		if f, ok := errors.AsType[Finding](err); ok {
			report(f)
			continue
		}
		if _, ok := errors.AsType[*age.NoIdentityMatchError](err); ok {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, p := range list {
			gone[p.gone] = p.previous
		}
		if len(gone) > maxSnapshots {
			return nil, locket.Errorf(locket.CodeTooLarge, "more than %d snapshots were pruned from the target; begin another", maxSnapshots)
		}
	}
	return gone, nil
}

func readPrune(ctx context.Context, t Target, name string, pod locket.PodID, keys Keys) ([]pruned, error) {
	file, err := fetch(ctx, t, name, 2*maxManifest)
	if err != nil {
		return nil, err
	}
	signed, err := unseal(name, file, keys.Identities, maxManifest)
	if err != nil {
		return nil, err
	}
	list, err := parsePrune(signed, pod, keys.Verify)
	return list, at(name, err)
}

// checkChain reports the links of opened snapshots that lead to nothing.
func checkChain(list []Snapshot, gone map[Link]Link, report func(Finding)) {
	have := make(map[Link]bool)
	ids := make(map[string]string)
	for _, s := range list {
		have[s.Link] = true
		ids[s.ID] = manifestName(s.ID, s.Set)
	}
	for _, s := range list {
		if s.Manifest == nil {
			continue
		}
		link := s.Manifest.Previous
		for n := 0; link.ID != "" && !have[link] && n <= maxSnapshots; n++ {
			previous, ok := gone[link]
			if !ok {
				report(missing(link, ids))
				break
			}
			link = previous
		}
	}
}

func missing(link Link, ids map[string]string) Finding {
	if name, ok := ids[link.ID]; ok {
		return Finding{name, "is not the manifest that was written: the one after it names another"}
	}
	return Finding{snapshotFolder + link.ID, "is missing, and the pod did not prune it"}
}

// checkSeen is CodeRolledBack if the target does not have, or lead on from, the snapshot
// that was seen last.
func checkSeen(seen Link, list []Snapshot, gone map[Link]Link) error {
	if seen.ID == "" {
		return nil
	}
	for _, s := range list {
		if s.Link == seen {
			return nil
		}
	}
	if _, ok := gone[seen]; ok && len(list) > 0 && list[len(list)-1].ID > seen.ID {
		return nil
	}
	return locket.Errorf(locket.CodeRolledBack, "the backup was seen with snapshot %s, which is not in it now: it is older than it was, or another", seen.ID)
}
