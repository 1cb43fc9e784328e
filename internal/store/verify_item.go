package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/journal"
)

// An itemCheck replays what was done with one item.
type itemCheck struct {
	row     *itemRow
	h       *timeline
	past    itemPast
	authors map[int64]*author
	setters map[int64]bool // changes that set a value which is there now

	count            int64 // leaves that make a version
	created, updated locket.HLC
	deleted          int64
	trust            int64
	links            map[link]int64 // that there are now, by the change that added them
}

// A link is an edge from an item.
type link struct{ name, target string } // target is 16 bytes

func (i *itemCheck) String() string {
	return plain(i.row.typ) + " " + uuidText(i.row.id)
}

// readSetters notes whose trust the item's is.
func (i *itemCheck) readSetters() {
	if len(i.h.clocks) == 0 {
		i.setters = map[int64]bool{i.row.born: true} // though it has no values
		return
	}
	i.setters = make(map[int64]bool)
	for name := range i.h.props {
		i.setters[i.h.setBy(name)] = true
	}
}

// leaf checks the content of the item's next leaf and does what it says.
func (i *itemCheck) leaf(l *itemLeaf) error {
	if l.salt == nil {
		return faultAt(l.change, "the content of an action on %s is missing, which was not erased", i)
	}
	content, err := l.content(&i.past)
	if err != nil {
		return faultAt(l.change, "an action on %s can't be read", i)
	}
	if !hasHash(content, l.hash) {
		if l.action == locket.ActionCreate || l.action == locket.ActionUpdate {
			return faultAt(l.change, "the %s of %s is not what was signed: a value of the item or of its history was altered", l.action, i)
		}
		return faultAt(l.change, "an action (%s) on %s is not what was signed", plain(string(l.action)), i)
	}
	switch l.action {
	case locket.ActionCreate, locket.ActionUpdate:
		i.set(l)
	case locket.ActionDelete:
		i.deleted = l.change
	case locket.ActionRestore:
		i.deleted = 0
	case locket.ActionLink, locket.ActionUnlink:
		return i.link(l, content)
	default:
		return faultAt(l.change, "%s is there, and an action (%s) says otherwise", i, plain(string(l.action)))
	}
	i.updated = l.hlc
	i.count++
	return nil
}

func (i *itemCheck) set(l *itemLeaf) {
	if l.action == locket.ActionCreate {
		i.created = l.hlc
	}
	delete(i.past.sets, l.change)
	if a := i.authors[l.author]; a != nil && i.setters[l.change] {
		i.trust = max(i.trust, trustPlace(locket.TrustOf(a.row.principal.Kind, locket.Source{Import: l.source})))
	}
}

func (i *itemCheck) link(l *itemLeaf, content *journal.Leaf) error {
	name, _ := content.Props["name"].(string)
	target, _ := content.Props["target"].(string)
	id, ok := locket.ParseUUID(target)
	if !ok {
		return faultAt(l.change, "a link from %s leads nowhere", i)
	}
	to := link{name, string(id[:])}
	if l.action == locket.ActionUnlink {
		delete(i.links, to)
		return nil
	}
	if i.links == nil {
		i.links = make(map[link]int64)
	}
	i.links[to] = l.change
	return nil
}

// compare compares what the leaves made of the item with what it is.
func (i *itemCheck) compare() error {
	r := i.row
	for _, c := range []struct {
		what string
		same bool
	}{
		{"creation", r.created == i.created},
		{"last change", r.updated == i.updated},
		{"version", r.version == i.count},
		{"deletion", r.deleted == i.deleted},
		{"trust", r.trust == i.trust},
		{"own time", r.time == itemTime(i.h.typ, i.h.props, r.created)},
		{"history", i.h.checkPast() == nil},
	} {
		if !c.same {
			return podFault("%s: its %s is not what the journal says", i, c.what)
		}
	}
	for change := range i.past.sets {
		return podFault("%s: a value is said to be of entry %d, which did not set it", i, change)
	}
	return nil
}

// compareEdges compares the edges from the item with its links. Those to items that
// were erased since are gone.
func (i *itemCheck) compareEdges(ctx context.Context, conn *sql.Conn, edges *cursor[edgeRow]) error {
	for edges.key == i.row.n {
		e := edges.row
		to := link{e.name, e.target.String}
		linked, ok := i.links[to]
		if !ok || !e.target.Valid || e.born.Int64 > linked {
			return podFault("%s has a link %s to %s that no entry made", i, plain(e.name), e.to())
		}
		delete(i.links, to)
		if err := edges.advance(); err != nil {
			return err
		}
	}
	for to, linked := range i.links {
		var born int64
		err := conn.QueryRowContext(ctx, `SELECT born FROM items WHERE id = ?`, []byte(to.target)).Scan(&born)
		if errors.Is(err, sql.ErrNoRows) || err == nil && born > linked {
			continue // it was erased, or another item has its id since
		} else if err != nil {
			return err
		}
		return faultAt(linked, "the link %s from %s to %s that it made is gone", plain(to.name), i, uuidText([]byte(to.target)))
	}
	return nil
}

// to says where an edge leads.
func (e *edgeRow) to() string {
	if !e.target.Valid {
		return "an item that is not there"
	}
	return uuidText([]byte(e.target.String))
}

// podFault is a fault of what is in the pod, not in the journal.
func podFault(format string, args ...any) *journal.Fault {
	return &journal.Fault{What: fmt.Sprintf(format, args...)}
}

// plain returns a word that can be shown though anybody may have written it.
func plain(s string) string {
	if s == "" || len(s) > 64 || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) {
		return "?"
	}
	return s
}

// called is plain for names, which have spaces.
func called(name string) string { return `"` + plain(clip(name, 60)) + `"` }
