package main

import (
	"context"
	"encoding/json"
	"io"
	"mime"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/ops"
)

const maxText = 16 << 20 // bytes of a property read from standard input

func (c *cli) addCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "add TYPE [PROPERTY=VALUE]...",
		Short: "Add an item",
		Long: `Add an item. A property that may have many values is given once for each. The value
"-" is read from standard input. 'locket op schema.get' lists the types and their
properties.`,
		Example: `  locket add Note name=Shopping text='rye flour, salt'
  locket add Person name='Ada Example' email=ada@example.org email=ada@example.com
  locket add Note name=Draft text=- < draft.md
  locket add File name='Lease' --file lease.pdf`,
		Args: func(cmd *cobra.Command, args []string) error {
			return takes("TYPE")(cmd, args[:min(len(args), 1)])
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withPod(cmd.Context(), func(p pod) error {
				it, err := c.add(cmd.Context(), p, args[0], args[1:], file)
				if err != nil {
					return err
				}
				return c.print(it, func(p *printer) { p.line("added %s %s", clean(it.Type, false), it.ID) })
			})
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "a file to keep as the item's content")
	return cmd
}

func (c *cli) add(ctx context.Context, p pod, typ string, pairs []string, file string) (it locket.Item, err error) {
	schema, err := run[ops.Schema](ctx, p, "schema.get", nil)
	if err != nil {
		return it, err
	}
	props, err := c.properties(schema, typ, pairs)
	if err != nil {
		return it, err
	}
	if file != "" {
		if err := attach(ctx, p, props, file); err != nil {
			return it, err
		}
	}
	text, err := json.Marshal(props)
	if err != nil {
		return it, err
	}
	return run[locket.Item](ctx, p, "items.create", map[string]string{"type": typ, "props": string(text)})
}

// properties makes JSON values of NAME=VALUE arguments, as the type declares them.
func (c *cli) properties(schema ops.Schema, typ string, pairs []string) (map[string]any, error) {
	var t *locket.Type
	for i := range schema.Types {
		if schema.Types[i].Name == typ {
			t = &schema.Types[i]
		}
	}
	if t == nil {
		return nil, locket.Errorf(locket.CodeInvalid, "there is no type %.60q; 'locket op schema.get' lists the types", typ)
	}
	props := make(map[string]any)
	for _, pair := range pairs {
		name, text, ok := strings.Cut(pair, "=")
		prop, known := t.Property(name)
		if !ok || !known {
			return nil, locket.Errorf(locket.CodeInvalid, "expected PROPERTY=VALUE with a property of %s; 'locket op schema.get' lists them", typ)
		}
		if text == "-" {
			read, err := io.ReadAll(io.LimitReader(c.in, maxText))
			if err != nil {
				return nil, locket.Errorf(locket.CodeInvalid, "standard input cannot be read").Because(err)
			}
			text = string(read)
		}
		had, given := props[name]
		switch {
		case prop.Many && given:
			props[name] = append(had.([]any), value(prop.Kind, text))
		case prop.Many:
			props[name] = []any{value(prop.Kind, text)}
		case given:
			return nil, locket.Errorf(locket.CodeInvalid, "%s has one value only, but is given twice", name)
		default:
			props[name] = value(prop.Kind, text)
		}
	}
	return props, nil
}

// value is the JSON value of a text. What does not fit its kind stays text, which the
// store refuses with the reason.
func value(k locket.Kind, text string) any {
	switch k {
	case locket.Integer, locket.Real:
		if n := json.Number(text); json.Valid([]byte(n)) {
			return n
		}
	case locket.Boolean:
		if b, err := strconv.ParseBool(text); err == nil {
			return b
		}
	}
	return text
}

// attach stores a file as a blob and describes it in props.
func attach(ctx context.Context, p pod, props map[string]any, path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return locket.Errorf(locket.CodeNotFound, "the file to attach cannot be opened").Because(err)
	}
	defer closing(f, &err)
	o, in, err := input("blobs.put", nil)
	if err != nil {
		return err
	}
	out, err := p.do(ctx, o, in, f, nil)
	if err != nil {
		return err
	}
	info := out.(locket.BlobInfo)
	name := filepath.Base(path)
	for prop, v := range map[string]any{
		"blob": info.ID, "contentSize": info.Size, "sha256": info.SHA256, "blobName": name,
		"encodingFormat": mime.TypeByExtension(filepath.Ext(name)),
	} {
		if _, given := props[prop]; !given && v != "" {
			props[prop] = v
		}
	}
	return nil
}
