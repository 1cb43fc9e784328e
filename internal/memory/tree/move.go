package tree

import "slices"

func (t *tree) delete(c Command) (string, error) {
	path, err := clean(c.Path)
	if err != nil {
		return "", err
	}
	if path == root {
		return "", refuse("Cannot delete the /memories directory itself")
	}
	files, err := t.at(path)
	if err != nil {
		return "", err
	}
	if len(files) == 0 {
		return "", refuse("The path %s does not exist", c.Path)
	}
	for _, f := range files {
		if err := t.w.Delete(f.id, f.version); err != nil {
			return "", err
		}
	}
	return "Successfully deleted " + c.Path, nil
}

// at is the file of a path, or those in the folder.
func (t *tree) at(path string) ([]file, error) {
	it, ok, err := t.file(path)
	if err != nil {
		return nil, err
	}
	if ok {
		return []file{{id: it.ID, version: it.Version, path: path}}, nil
	}
	return t.below(path)
}

func (t *tree) rename(c Command) (string, error) {
	from, err := clean(c.OldPath)
	if err != nil {
		return "", err
	}
	to, err := clean(c.NewPath)
	if err != nil {
		return "", err
	}
	files, err := t.below(root)
	if err != nil {
		return "", err
	}
	switch met, err := t.met(files, to); {
	case err != nil:
		return "", err
	case met:
		return "", refuse("The destination %s already exists", c.NewPath)
	case from == root:
		return "", refuse("Cannot rename the /memories directory itself")
	}
	files = slices.DeleteFunc(files, func(f file) bool { return f.path != from && !above(from, f.path) })
	switch {
	case len(files) == 0:
		return "", refuse("The path %s does not exist", c.OldPath)
	case above(from, to):
		return "", refuse("Cannot move %s into itself", c.OldPath)
	}
	return "Successfully renamed " + c.OldPath + " to " + c.NewPath, t.move(files, from, to)
}

// move gives files another beginning of their paths.
func (t *tree) move(files []file, from, to string) error {
	for _, f := range files {
		if err := checkPath(to + f.path[len(from):]); err != nil {
			return err
		}
	}
	for _, f := range files {
		if _, err := t.w.Update(f.id, f.version, map[string]any{"name": to + f.path[len(from):]}); err != nil {
			return err
		}
	}
	return nil
}
