package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestVerifyFindsTampering has somebody with the key of the database, but not the one
// that signs, change it by SQL. In fault, and in SQL, {note} and its like stand for ids.
func TestVerifyFindsTampering(t *testing.T) {
	r := newRichPod(t)
	noted := r.verify("").Checkpoint
	if err := r.s.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(r.cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	const (
		note   = `(SELECT n FROM items WHERE id = x'{note}')`
		person = `(SELECT n FROM items WHERE id = x'{person}')`
		last   = `(SELECT max(n) FROM changes)`
	)
	for name, c := range map[string]struct {
		sql   string
		fault string
		at    int64
	}{
		"nothing": {sql: ``},

		"entry deleted":               {`DELETE FROM changes WHERE n = 6`, "entry 6 is missing", 6},
		"entry deleted with its leaf": {`DELETE FROM leaves WHERE change = 6; DELETE FROM changes WHERE n = 6`, "entry 6 is missing", 6},
		"first entry deleted":         {`DELETE FROM changes WHERE n = 1`, "entry 1 is missing", 1},
		"entry numbered anew":         {`UPDATE changes SET n = 99 WHERE n = ` + last, "entry 41 is missing", 41},
		"entries swapped":             {`UPDATE changes SET n = -6 WHERE n = 6; UPDATE changes SET n = 6 WHERE n = 7; UPDATE changes SET n = 7 WHERE n = -6`, "entry 6: its actions are not in their place", 6},
		"entries and leaves swapped": {
			`UPDATE changes SET n = -6 WHERE n = 6; UPDATE changes SET n = 6 WHERE n = 7; UPDATE changes SET n = 7 WHERE n = -6;
			UPDATE leaves SET change = 13 - change WHERE change IN (6, 7);
			UPDATE leaves SET n = -n WHERE change = 6; UPDATE leaves SET n = n + 1 WHERE change = 7; UPDATE leaves SET n = -n - 1 WHERE change = 6;
			UPDATE changes SET leaf = leaf - 1 WHERE n = 6; UPDATE changes SET leaf = leaf + 1 WHERE n = 7`,
			"entry 6: follows another entry of its author than 5", 6,
		},
		"kind":      {`UPDATE changes SET kind = 'access' WHERE n = 6`, "entry 6: its signature does not fit", 6},
		"author":    {`UPDATE changes SET author = 2 WHERE n = 6`, "entry 6: its signature does not fit", 6},
		"no author": {`UPDATE changes SET author = 77 WHERE n = 6`, "entry 6: its author is no principal", 6},
		"bypod":     {`UPDATE changes SET bypod = 0 WHERE n = 6`, "entry 6: no key of its author is known", 6},
		"seq":       {`UPDATE changes SET seq = 9 WHERE n = 6`, "entry 6: its signature does not fit", 6},
		"prev":      {`UPDATE changes SET prev = x'' WHERE n = 6`, "entry 6: its signature does not fit", 6},
		"hlc":       {`UPDATE changes SET hlc = hlc + 1 WHERE n = 6`, "entry 6: its signature does not fit", 6},
		"import":    {`UPDATE changes SET import = NULL WHERE n = 15`, "entry 15: its signature does not fit", 15},
		"session":   {`UPDATE changes SET session = 'x' WHERE n = 6`, "entry 6: its signature does not fit", 6},
		"origin":    {`UPDATE changes SET origin = NULL WHERE n = 15`, "entry 15: its signature does not fit", 15},
		"leaf":      {`UPDATE changes SET leaf = leaf + 1 WHERE n = 6`, "entry 6: its actions are not in their place", 6},
		"leaves":    {`UPDATE changes SET leaves = 2 WHERE n = 6`, "entry 6: its signature does not fit", 6},
		"root":      {`UPDATE changes SET root = zeroblob(32) WHERE n = 6`, "entry 6: its signature does not fit", 6},
		"sig":       {`UPDATE changes SET sig = zeroblob(64) WHERE n = 6`, "entry 6: its signature does not fit", 6},
		"tree":      {`UPDATE changes SET tree = zeroblob(32) WHERE n = 6`, "entry 6: the hashes of the tree", 6},
		"no tree":   {`UPDATE changes SET tree = x'' WHERE n = 1`, "entry 1: the hashes of the tree", 1},

		"leaf deleted":           {`DELETE FROM leaves WHERE change = 6`, "entry 6: has 0 actions, where 1 were signed", 6},
		"leaf added":             {`INSERT INTO leaves(n, change, item, action, hash) VALUES(999, ` + last + `, 0, 'read', zeroblob(32))`, "entry 41: its actions are not in their place", 41},
		"leaf of no entry":       {`INSERT INTO leaves(n, change, item, action, hash) VALUES(999, 999, 0, 'read', zeroblob(32))`, "actions that are of none of the 41 entries", 41},
		"leaf hash":              {`UPDATE leaves SET hash = zeroblob(32) WHERE change = 6`, "entry 6: its actions are not those that were signed", 6},
		"no leaf hash":           {`UPDATE leaves SET hash = x'' WHERE change = 6`, "entry 6: an action of it has no hash", 6},
		"leaf salt":              {`UPDATE leaves SET salt = zeroblob(16) WHERE change = 6`, "entry 6: the update of Note {note} is not what was signed", 6},
		"short salt":             {`UPDATE leaves SET salt = x'00' WHERE change = 6`, "entry 6: an action on Note {note} can't be read", 6},
		"leaf content hidden":    {`UPDATE leaves SET salt = NULL WHERE change = 6`, "entry 6: the content of an action on Note {note} is missing", 6},
		"pod leaf hidden":        {`UPDATE leaves SET salt = NULL, data = NULL WHERE change = 2`, "entry 2: the content of an action is missing", 2},
		"leaf action":            {`UPDATE leaves SET action = 'link' WHERE change = 6`, "entry 6: an action (link) on Note {note} is not what was signed", 6},
		"delete becomes restore": {`UPDATE leaves SET action = 'restore' WHERE change = 14`, "entry 14: an action (restore) on Bookmark {deleted} is not what was signed", 14},
		"leaf item":              {`UPDATE leaves SET item = 1 WHERE change = 6`, "entry 6: the update of Person {person} is not what was signed", 6},
		"leaf without item":      {`UPDATE leaves SET item = 0 WHERE change = 6`, "entry 6: the content of its 1st action (update) is not what was signed", 6},
		"leaf change":            {`UPDATE leaves SET change = 7 WHERE change = 6`, "entry 6: has 0 actions", 6},
		"link data":              {`UPDATE leaves SET data = replace(data, 'about', 'hates') WHERE action = 'link' AND item = ` + note, "an action (link) on Note {note} is not what was signed", 18},
		"odd data":               {`UPDATE leaves SET data = '[' WHERE action = 'link' AND item = ` + note, "an action on Note {note} can't be read", 18},
		"what an agent read":     {`UPDATE leaves SET data = json_set(data, '$.count', 0) WHERE action = 'search'`, "the content of its 1st action (search) is not what was signed", 28},
		"a refusal":              {`UPDATE leaves SET data = json_remove(data, '$.op') WHERE action = 'refuse'`, "the content of its 1st action (refuse) is not what was signed", 29},

		"value":             {`UPDATE items SET props = json_set(props, '$.name', 'forged') WHERE n = ` + note, "entry 8: the update of Note {note} is not what was signed", 8},
		"value of creation": {`UPDATE items SET props = json_set(props, '$.birthDate', 0) WHERE n = ` + person, "entry 3: the create of Person {person} is not what was signed", 3},
		"value added":       {`UPDATE items SET props = json_set(props, '$.email', 'x') WHERE n = ` + person, "entry 3: the create of Person {person} is not what was signed", 3},
		"value removed":     {`UPDATE items SET props = json_remove(props, '$.birthDate') WHERE n = ` + person, "entry 3: the create of Person {person} is not what was signed", 3},
		"odd values":        {`UPDATE items SET props = '{"name":{}}' WHERE n = ` + person, "Person {person} can't be read", 0},
		"type of an item":   {`UPDATE items SET type = 'Event' WHERE n = ` + person, "entry 3: the create of Event {person} is not what was signed", 3},
		"no such type":      {`UPDATE items SET type = 'Foo' WHERE n = ` + person, "Foo {person} can't be read", 0},
		"item deleted":      {`DELETE FROM items WHERE n = ` + person, "entry 3: it created an item that is gone, and that no entry erased", 3},
		"item hidden": {
			`DELETE FROM items WHERE n = ` + person + `; DELETE FROM edges WHERE 1 IN (source, target); DELETE FROM history WHERE item = 1; UPDATE leaves SET salt = NULL, data = NULL WHERE item = 1`,
			"entry 3: it created an item that is gone, and that no entry erased", 3,
		},
		"item hidden behind an erased one": {
			`DELETE FROM edges WHERE ` + note + ` IN (source, target); DELETE FROM history WHERE item = ` + note + `;
			UPDATE leaves SET salt = NULL, data = NULL, item = (SELECT max(item) FROM leaves WHERE action = 'erase') WHERE item = ` + note + `; DELETE FROM items WHERE n = ` + note,
			"entry 38: what it erased are not all the actions on item ", 38,
		},
		"item added": {
			`INSERT INTO items(n, id, type, props, born, created, updated, time, version, trust) SELECT 99, x'00112233445566778899aabbccddeeff', type, props, born, created, updated, time, version, trust FROM items WHERE n = 1`,
			"Person 00112233-4455-6677-8899-aabbccddeeff is in no entry", 0,
		},
		"id":         {`UPDATE items SET id = x'00112233445566778899aabbccddeeff' WHERE n = 1`, "entry 3: the create of Person 00112233-4455-6677-8899-aabbccddeeff is not what was signed", 3},
		"no id":      {`UPDATE items SET id = x'' WHERE n = 1`, "an item has no id", 0},
		"clock":      {`UPDATE items SET clocks = json_set(clocks, '$.name', 3) WHERE n = ` + person, "entry 3: the create of Person {person} is not what was signed", 3},
		"clock gone": {`UPDATE items SET clocks = '{}' WHERE n = ` + note, "entry 4: the create of Note {note} is not what was signed", 4},
		"clock of another's entry": {
			`UPDATE items SET clocks = json_set(clocks, '$.email', 1) WHERE n = ` + person,
			"Person {person}: a value is said to be of entry 1, which did not set it", 0,
		},
		"born":                {`UPDATE items SET born = 4 WHERE n = 1`, "entry 3: the create of Person {person} is not what was signed", 3},
		"created":             {`UPDATE items SET created = created + 1 WHERE n = 1`, "Person {person}: its creation is not", 0},
		"updated":             {`UPDATE items SET updated = updated + 1 WHERE n = 1`, "Person {person}: its last change is not", 0},
		"time":                {`UPDATE items SET time = time + 1 WHERE n = 1`, "Person {person}: its own time is not", 0},
		"version":             {`UPDATE items SET version = version + 1 WHERE n = 1`, "Person {person}: its version is not", 0},
		"trust":               {`UPDATE items SET trust = 2 WHERE n = 1`, "Person {person}: its trust is not", 0},
		"trust of a creation": {`UPDATE items SET trust = 3 WHERE n = 3`, ": its trust is not", 0},
		"deleted":             {`UPDATE items SET deleted = 3 WHERE n = 1`, "Person {person}: its deletion is not", 0},
		"restored":            {`UPDATE items SET deleted = 0 WHERE id = x'{deleted}'`, "Bookmark {deleted}: its deletion is not", 0},

		"history value":   {`UPDATE history SET value = '"forged"' WHERE item = ` + note + ` AND prop = 'name'`, "entry 4: the create of Note {note} is not what was signed", 4},
		"odd history":     {`UPDATE history SET value = '{' WHERE item = ` + note + ` AND prop = 'name'`, "the history of Note {note} can't be read", 0},
		"history deleted": {`DELETE FROM history WHERE item = ` + note + ` AND prop = 'name'`, "entry 4: the create of Note {note} is not what was signed", 4},
		"history change":  {`UPDATE history SET change = 4 WHERE item = ` + note + ` AND prop = 'text' AND change = 6`, "is not what was signed", 4},
		"history until":   {`UPDATE history SET until = 7 WHERE item = ` + note + ` AND prop = 'name'`, "Note {note}: its history is not", 0},
		"old value made current": {
			`UPDATE items SET props = json_set(props, '$.name', 'harbour'), clocks = json_remove(clocks, '$.name') WHERE n = ` + note + `;
			UPDATE history SET change = 8, until = 4, value = '"quay"' WHERE item = ` + note + ` AND prop = 'name'`,
			"Note {note}: its history is not", 0,
		},
		"history added": {`INSERT INTO history(item, until, prop, change, value) VALUES(` + note + `, 30, 'name', 8, '"quay"')`, "Note {note}: its history is not", 0},
		"history added by no entry": {
			`INSERT INTO history(item, until, prop, change, value) VALUES(` + note + `, 8, 'folder', 5, '"x"')`, "Note {note}: its history is not", 0,
		},
		"history of nothing":   {`INSERT INTO history(item, until, prop, change, value) VALUES(99, 30, 'name', 8, '"quay"')`, "the history has values of an item that is in no entry", 0},
		"history of an erased": {`INSERT INTO history(item, until, prop, change, value) SELECT item, 30, 'name', 8, '"quay"' FROM leaves WHERE action = 'erase'`, "the history has values of item", 0},

		"edge added":         {`INSERT INTO edges VALUES(` + person + `, 'owns', ` + note + `)`, "Person {person} has a link owns to {note} that no entry made", 0},
		"edge that was cut":  {`INSERT INTO edges VALUES(` + person + `, 'knows', ` + note + `)`, "Person {person} has a link knows to {note} that no entry made", 0},
		"edge removed":       {`DELETE FROM edges WHERE name = 'likes'`, "entry 23: the link likes from Person {person} to {note} that it made is gone", 23},
		"edge to nothing":    {`INSERT INTO edges VALUES(` + person + `, 'owns', 99)`, "Person {person} has a link owns to an item that is not there that no entry made", 0},
		"edge from nothing":  {`INSERT INTO edges VALUES(99, 'owns', 1)`, "a link owns from an item that is in no entry", 0},
		"edge from erased":   {`INSERT INTO edges SELECT item, 'owns', 1 FROM leaves WHERE action = 'erase'`, "a link owns from item", 0},
		"edge to a new item": {`INSERT INTO edges VALUES(` + person + `, 'about', (SELECT n FROM items WHERE id = x'{gone}'))`, "Person {person} has a link about to {gone} that no entry made", 0},

		"detail of an update":  {`UPDATE leaves SET data = '{"name":"x"}' WHERE change = 6`, "entry 6: an action on Note {note} can't be read", 6},
		"detail of an erased":  {`UPDATE leaves SET data = '{"name":"x"}' WHERE salt IS NULL AND change < 38`, "an action on item {gone}, which was erased, has a content", 34},
		"content of an erased": {`UPDATE leaves SET salt = zeroblob(16) WHERE salt IS NULL`, "an action on item {gone}, which was erased, has a content", 34},
		"erasure":              {`UPDATE leaves SET data = json_set(data, '$.actions', 9) WHERE action = 'erase'`, "entry 38: the content of an erasure is not what was signed", 38},
		"hidden erasure":       {`UPDATE leaves SET salt = NULL WHERE action = 'erase'`, "entry 38: the content of an erasure is not what was signed", 38},
		"type added":           {`UPDATE pod SET types = json_insert(types, '$[#]', json('{"name":"Car","properties":[]}'))`, "type Car is not as the journal declares it", 0},
		"type changed":         {`UPDATE pod SET types = replace(types, 'launched', 'sank')`, "type Boat is not as the journal declares it", 0},
		"types removed":        {`UPDATE pod SET types = '[]'`, "type Boat, which the journal declares, is gone", 0},
		"policy":               {`UPDATE principals SET policy = '{"rules":[{"actions":["manage"]}]}' WHERE name = 'robot'`, `principal "robot" is not as entry 24 made it`, 0},
		"state":                {`UPDATE principals SET state = 'active' WHERE state = 'paused'`, `principal "signs itself" is not as entry 30 made it`, 0},
		"name":                 {`UPDATE principals SET name = 'nobot' WHERE name = 'robot'`, `principal "nobot" is not as entry 24 made it`, 0},
		"kind of who":          {`UPDATE principals SET kind = 'device' WHERE name = 'robot'`, `principal "robot" is not as entry 24 made it`, 0},
		"maker":                {`UPDATE principals SET maker = 2 WHERE name = 'signs itself'`, `principal "signs itself" is not as entry 30 made it`, 0},
		"key":                  {`UPDATE principals SET key = zeroblob(32) WHERE name = 'signs itself'`, "entry 26: its signature does not fit", 26},
		"no key":               {`UPDATE principals SET key = NULL WHERE name = 'signs itself'`, "entry 26: no key of its author is known", 26},
		"key of a robot":       {`UPDATE principals SET key = zeroblob(32) WHERE name = 'robot'`, `principal "robot" is not as entry 24 made it`, 0},
		"made":                 {`UPDATE principals SET created = created - 9000000 WHERE name = 'robot'`, `principal "robot" is not as entry 24 made it`, 0},
		"seen":                 {`UPDATE principals SET seen = seen + 9000000 WHERE name = 'robot'`, `principal "robot": what is kept of its latest entry`, 0},
		"head":                 {`UPDATE principals SET head = zeroblob(32) WHERE name = 'robot'`, `principal "robot": what is kept of its latest entry`, 0},
		"count":                {`UPDATE principals SET seq = 9 WHERE name = 'robot'`, `principal "robot": what is kept of its latest entry`, 0},
		"owner":                {`UPDATE principals SET name = 'Eve' WHERE n = 1`, `principal "Eve" is not as entry 30 made it`, 0},
		"principal added":      {`INSERT INTO principals(id, kind, name, policy, created) VALUES(x'00112233445566778899aabbccddeeff', 'agent', 'mole', '{"rules":[]}', 1)`, `no entry made principal "mole"`, 0},
		"principal gone":       {`DELETE FROM principals WHERE name = 'signs itself'; UPDATE changes SET author = 2 WHERE author = 3`, "entry 26: no key of its author is known", 26},
		"grant added":          {`INSERT INTO grants SELECT x'00112233445566778899aabbccddeeff', principal, audience, policy, created, expires FROM grants LIMIT 1`, "no entry made grant 00112233445566778899aabbccddeeff, of ", 0},
		"grant again":          {`INSERT INTO grants SELECT CAST('aaaaaaaaaaaaaaaa' AS BLOB), principal, audience, NULL, created, expires FROM grants WHERE policy IS NULL`, "no entry made grant 61616161616161616161616161616161", 0},
		"grant longer":         {`UPDATE grants SET expires = expires + 1 WHERE policy IS NULL`, "no entry made grant 30313233343536373839616263646566", 0},
		"grant wider":          {`UPDATE grants SET policy = NULL`, "no entry made grant 66656463626139383736353433323130", 0},
		"grant of another": {
			`UPDATE grants SET principal = 1 WHERE policy IS NULL`, "no entry made grant 30313233343536373839616263646566", 0,
		},
		"grant made": {`UPDATE grants SET created = created + 1 WHERE policy IS NULL`, "no entry made grant 30313233343536373839616263646566", 0},
		"slot added": {`UPDATE pod SET slots = json_set(slots, '$.04', json_extract(slots, '$.02'))`, `no entry made the key "robot's" as it is`, 0},
		"slot again": {`UPDATE pod SET slots = json_set(slots, '$.03', json_extract(slots, '$.01'))`, `no entry made the key "laptop" as it is`, 0},
		"slot of another": {
			`UPDATE pod SET slots = json_set(slots, '$.02.principal', 1)`, `no entry made the key "robot's" as it is`, 0,
		},
		"slot renamed": {`UPDATE pod SET slots = json_set(slots, '$.02.name', 'mine')`, `no entry made the key "mine" as it is`, 0},
		"slot older":   {`UPDATE pod SET slots = json_set(slots, '$.02.created', '2020-01-01T00:00:00Z')`, `no entry made the key "robot's" as it is`, 0},
		"slot removed": {`UPDATE pod SET slots = json_remove(slots, '$.02')`, `the key "robot's" is gone`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			tampered := *r
			tampered.t = t
			tampered.cfg.Path = filepath.Join(t.TempDir(), "pod.db")
			if err := os.WriteFile(tampered.cfg.Path, before, 0o600); err != nil {
				t.Fatal(err)
			}
			tampered.sql(tampered.ids(true, c.sql))
			got, again := tampered.openAndVerify(""), tampered.openAndVerify(noted)
			want := tampered.ids(false, c.fault)
			if !strings.Contains(got.Fault, want) || got.At != c.at || (got.Fault == "") != (want == "") || (got.Checkpoint == "") != (want != "") {
				t.Errorf("got %d %q\nwant %d %q", got.At, got.Fault, c.at, want)
			}
			if got.Fault != again.Fault {
				t.Errorf("with a checkpoint: %q", again.Fault)
			}
		})
	}
}
