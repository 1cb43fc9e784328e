package importer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// icalFormat reads calendars: iCalendar (RFC 5545) and, leniently, vCalendar 1.0.
// Events become Events, and so do to-dos and journal entries, which the keywords
// "todo" and "journal" tell apart. Recurring events stay one item that holds its
// rule; [Occurrences] computes its dates.
func icalFormat() Format {
	return Format{Name: "ical", Title: "Calendar (iCalendar)", Recognise: recogniseICal, Read: readICal}
}

func recogniseICal(name string, head []byte) int {
	text := bytes.TrimSpace(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")))
	first, _, _ := bytes.Cut(text, []byte("\n"))
	verb, block := blockLine(first)
	ext := strings.ToLower(path.Ext(name))
	switch {
	case verb == "BEGIN" && (block == "VCALENDAR" || isCalendarPart(block)):
		return 95
	case ext == ".ics" || ext == ".ical" || ext == ".vcs" || ext == ".ifb":
		return 60
	}
	return 0
}

// isCalendarPart names the components that never lie in one another.
func isCalendarPart(name string) bool {
	switch name {
	case "VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY", "VTIMEZONE":
		return true
	}
	return false
}

// readICal goes through the file twice: zones may be defined after they are used,
// and a later version of an event may follow an earlier one.
func readICal(ctx context.Context, f *File, emit func(Record) error) error {
	f, err := rereadable(f)
	if err != nil {
		return err
	}
	folder := strings.TrimSuffix(path.Base(f.Path), path.Ext(f.Path))
	cal := calendar{folder: folder, zones: zoneTable{defined: map[string]definedZone{}}, latest: map[string]revision{}}
	if err := eachComponent(ctx, f, "VCALENDAR", isCalendarPart, func(c component) error {
		cal.survey(c)
		return nil
	}); err != nil {
		return err
	}
	emitted := false
	err = eachComponent(ctx, f, "VCALENDAR", isCalendarPart, func(c component) error {
		rec, ok := cal.record(c)
		if !ok {
			return nil
		}
		emitted = true
		return emit(located(f, c, rec))
	})
	if err != nil || emitted {
		return err
	}
	return emit(Record{Err: errors.New("no event in the file"), Raw: f.Open, Done: f.Size})
}

// rereadable returns a file that can be read twice at the cost of once, unless it is
// too large to be held in memory.
func rereadable(f *File) (*File, error) {
	if f.Size > maxComponent {
		return f, nil
	}
	src, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer src.Close()
	raw, err := io.ReadAll(io.LimitReader(src, maxComponent))
	if err != nil {
		return nil, err
	}
	held := *f
	held.Open = opener(raw)
	return &held, nil
}

// eachComponent calls do for every component of a file.
func eachComponent(ctx context.Context, f *File, wrapper string, starts func(string) bool, do func(component) error) error {
	src, err := f.Open()
	if err != nil {
		return err
	}
	defer src.Close()
	r := newComponentReader(src, wrapper, starts)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		c, err := r.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := do(c); err != nil {
			return err
		}
	}
}

// located completes a record with its place in the file and its raw form.
func located(f *File, c component, rec Record) Record {
	rec.Raw = opener(c.raw)
	if c.raw == nil {
		rec.Raw = section(f, c.at, c.end)
	}
	rec.Where, rec.Done = fmt.Sprintf("byte %d", c.at), c.end
	return rec
}
