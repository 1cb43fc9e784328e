package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
)

// A conversation of the data set.
type conversation struct {
	sessions  []session
	questions []question
}

type session struct {
	id    string
	at    time.Time
	turns []turn
}

type turn struct {
	Speaker string `json:"speaker"`
	ID      string `json:"dia_id"`
	Text    string `json:"text"`
	Caption string `json:"blip_caption"` // of a picture that was sent
}

func (t turn) text() string {
	if t.Caption == "" {
		return t.Text
	}
	return t.Text + "\n[" + t.Caption + "]"
}

type question struct {
	Text     string   `json:"question"`
	Evidence []string `json:"evidence"` // ids of turns
	Category int      `json:"category"`
}

// categories are the data set's, by its numbers.
var categories = map[int]string{1: "multi-hop", 2: "temporal", 3: "open", 4: "single-hop", 5: "adversarial"}

func readConversations(file string) ([]conversation, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var raw []struct {
		Questions []question                 `json:"qa"`
		Parts     map[string]json.RawMessage `json:"conversation"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var list []conversation
	for _, r := range raw {
		c := conversation{}
		known := make(map[string]bool)
		for n := 1; ; n++ {
			id := fmt.Sprint("session_", n)
			turns, ok := r.Parts[id]
			if !ok {
				break
			}
			s := session{id: id}
			var at string
			if err := json.Unmarshal(turns, &s.turns); err != nil {
				return nil, err
			}
			if err := json.Unmarshal(r.Parts[id+"_date_time"], &at); err != nil {
				return nil, err
			}
			if s.at, err = time.Parse("3:04 pm on 2 January, 2006", at); err != nil {
				return nil, err
			}
			for _, t := range s.turns {
				known[t.ID] = true
			}
			c.sessions = append(c.sessions, s)
		}
		for _, q := range r.Questions {
			if q.Evidence = evidence(q.Evidence, known); len(q.Evidence) > 0 {
				c.questions = append(c.questions, q)
			}
		}
		list = append(list, c)
	}
	return list, nil
}

// evidence is the turns that a question's evidence names, of which some entries name
// several and some none that there are.
func evidence(list []string, known map[string]bool) []string {
	var ids []string
	seen := make(map[string]bool)
	for _, entry := range list {
		for _, id := range strings.FieldsFunc(entry, func(r rune) bool { return r == ';' || r == ',' || r == ' ' }) {
			if known[id] && !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		}
	}
	return ids
}
