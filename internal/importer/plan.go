package importer

import (
	"context"

	"github.com/locketpod/locket"
)

// A Plan is what an import would read, for a person to agree to.
type Plan struct {
	Source  string       `json:"source"`
	Files   int64        `json:"files"` // that formats will read
	Bytes   int64        `json:"bytes"` // of those files
	Formats []PlanFormat `json:"formats"`

	// Tables are all tables of a database that is the source.
	Tables []PlanTable `json:"tables,omitempty"`

	// Refused files cannot be read as anything. They will stand in the ledger as
	// rejected.
	Refused PlanOthers `json:"refused"`

	// Ignored is what systems and programs left behind (.DS_Store, .git,
	// .obsidian …); a folder counts as one. It is not read and not in the ledger.
	Ignored PlanOthers `json:"ignored"`
}

// A PlanFormat is what one format will read.
type PlanFormat struct {
	Name     string   `json:"name"`
	Title    string   `json:"title"`
	Files    int64    `json:"files"`
	Bytes    int64    `json:"bytes"`
	Examples []string `json:"examples"` // paths, at most 5
}

// PlanOthers counts what will not be read.
type PlanOthers struct {
	Count    int64         `json:"count"`
	Examples []PlanExample `json:"examples,omitempty"` // at most 5
}

// A PlanExample is one file that will not be read.
type PlanExample struct {
	Path   string `json:"path"`
	Reason string `json:"reason,omitempty"`
}

// planExamples is how many paths of each kind a plan names.
const planExamples = 5

func (o *PlanOthers) add(path, reason string) {
	o.Count++
	if len(o.Examples) < planExamples {
		o.Examples = append(o.Examples, PlanExample{Path: path, Reason: reason})
	}
}

// Recognise walks a source, asks every format about every file and returns what
// an import with these formats would read. It reads at most HeadSize bytes of a
// file, except in compressed tars, which must be read through.
func Recognise(ctx context.Context, t *Tree, formats []Format, report locket.Reporter) (*Plan, error) {
	p := &Plan{Source: t.Name()}
	if err := t.findExports(ctx); err != nil {
		return nil, err
	}
	counts := make(map[string]*PlanFormat)
	err := t.Walk(ctx, func(f *File) error {
		switch {
		case t.inExport(f):
			return nil
		case f.ignored:
			p.Ignored.add(f.Path, "")
			return nil
		case f.refused != "":
			p.Refused.add(f.Path, f.refused)
			return nil
		}
		head, err := f.firstBytes()
		if err != nil {
			head = nil // reading it will fail again, and be accounted for then
		}
		t.noteExport(f, head)
		format := choose(formats, f.Path, head)
		c := counts[format.Name]
		if c == nil {
			c = &PlanFormat{Name: format.Name, Title: format.Title}
			counts[format.Name] = c
		}
		c.add(f)
		p.Files++
		p.Bytes += f.Size
		report.Report(locket.Progress{Stage: "looking through " + t.Name(), Done: p.Files, Unit: "files"})
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, f := range formats {
		if c := counts[f.Name]; c != nil {
			p.Formats = append(p.Formats, *c)
		}
	}
	return p, nil
}

func (c *PlanFormat) add(f *File) {
	c.Files++
	c.Bytes += f.Size
	if len(c.Examples) < planExamples {
		c.Examples = append(c.Examples, f.Path)
	}
}
