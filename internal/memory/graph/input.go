package graph

import (
	"fmt"

	"github.com/locketpod/locket"
)

// An input is an object of the arguments. As in the reference members that are not known
// are ignored, and all others must be there. It keeps what is wrong first.
type input struct {
	members map[string]any
	path    string // with a dot after it, "" for the arguments
	wrong   error
}

// fail keeps what is wrong with the value at a place.
func (in *input) fail(place, what string) {
	if in.wrong == nil {
		in.wrong = locket.Errorf(locket.CodeInvalid, "arguments: %s: expected %s", place, what)
	}
}

func (in *input) text(name string) string {
	s, ok := in.members[name].(string)
	if !ok {
		in.fail(in.path+name, "text")
	}
	return s
}

// name is a text that says what something is called.
func (in *input) name(name string) string {
	s := in.text(name)
	if len(s) > maxName {
		in.fail(in.path+name, fmt.Sprintf("at most %d bytes", maxName))
	}
	return s
}

func (in *input) list(name string) []any {
	l, ok := in.members[name].([]any)
	if !ok {
		in.fail(in.path+name, "a list")
	}
	return l
}

func (in *input) texts(name string) []string {
	list := make([]string, 0)
	for i, v := range in.list(name) {
		s, ok := v.(string)
		if !ok {
			in.fail(fmt.Sprintf("%s%s[%d]", in.path, name, i), "text")
		}
		list = append(list, s)
	}
	return list
}

// objects reads a list of objects.
func objects[T any](in *input, name string, read func(*input) T) []T {
	list := make([]T, 0)
	for i, v := range in.list(name) {
		place := fmt.Sprintf("%s%s[%d]", in.path, name, i)
		members, ok := v.(map[string]any)
		if !ok {
			in.fail(place, "an object")
			break
		}
		one := &input{members: members, path: place + "."}
		list = append(list, read(one))
		if in.wrong == nil {
			in.wrong = one.wrong
		}
	}
	return list
}

func readEntity(in *input) Entity {
	return Entity{Name: in.name("name"), EntityType: in.name("entityType"), Observations: in.texts("observations")}
}

func readRelation(in *input) Relation {
	return Relation{From: in.text("from"), To: in.text("to"), RelationType: in.name("relationType")}
}

// An of is observations of an entity.
type of struct {
	entity       string
	observations []string
}

func readOf(member string) func(*input) of {
	return func(in *input) of { return of{in.text("entityName"), in.texts(member)} }
}
