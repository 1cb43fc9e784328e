package recall

import (
	"maps"
	"slices"
	"strings"
)

// irregular leads from the forms of English verbs and nouns that no rule makes to the
// one they are forms of.
var irregular = irregularForms(`be was were been; bear bore borne; beat beaten; become became; begin began begun;
	bend bent; bet;  blow blew blown; break broke broken; bring brought; build built; burn burnt;
	buy bought; catch caught; choose chose chosen; come came; cost; creep crept; cut; deal dealt; dig dug; draw drew drawn;
	dream dreamt; drink drank drunk; drive drove driven; eat ate eaten; fall fell fallen; feed fed; feel felt; fight fought;
	find found; flee fled; fly flew flown; forget forgot forgotten; forgive forgave forgiven; freeze froze frozen;
	give gave given; grow grew grown; hang hung; hear heard; hide hid hidden; hold held; keep kept; know knew known;
	lay laid; lead led; lean leant; learn learnt; leave left; lend lent; lose lost; make made; mean meant; meet met;
	pay paid; ride rode ridden; ring rang rung;  run ran; see saw seen; seek sought; sell sold; send sent;
	sew sewn; shake shook shaken; shine shone; shoot shot; show shown; shrink shrank shrunk; sing sang sung; sink sank sunk;
	sit sat; sleep slept; slide slid; speak spoke spoken; spend spent; spin spun; stand stood; steal stole stolen; stick stuck;
	strike struck; swear swore sworn; sweep swept; swim swam swum; swing swung; take took taken; teach taught; tear tore torn;
	think thought; throw threw thrown; understand understood; wake woke woken; wear wore worn; weave wove woven; weep wept;
	win won; write wrote written; child children; man men; woman women; person people; foot feet; tooth teeth; mouse mice;
	goose geese; wife wives; knife knives; wolf wolves; shelf shelves; half halves`)

// formsOf are the forms of a word that its stem does not lead to, with the word.
func formsOf(word string) []string {
	base, ok := irregular[word]
	if !ok {
		base = word
	}
	return append([]string{base}, irregularOf[base]...)
}

var irregularOf = func() map[string][]string {
	m := make(map[string][]string)
	for _, form := range slices.Sorted(maps.Keys(irregular)) {
		m[irregular[form]] = append(m[irregular[form]], form)
	}
	return m
}()

func irregularForms(table string) map[string]string {
	m := make(map[string]string)
	for _, line := range strings.Split(table, ";") {
		forms := strings.Fields(line)
		for _, f := range forms[1:] {
			m[f] = forms[0]
		}
	}
	return m
}

// alike are words that English speakers use for each other. They are few, and general:
// what a pod's owner calls things is learnt from the pod.
var alike = alikeGroups(`job work career profession occupation employment; child kid son daughter; mother mom mum; father dad;
	parent mother father; movie film; pet dog cat animal; car vehicle; house home apartment flat; money finance budget;
	trip travel journey vacation holiday visit; buy purchase; sick ill; doctor physician; friend buddy pal; picture photo image;
	big large huge; small little tiny; begin start; end finish; happy glad; sad unhappy; angry mad; scared afraid;
	quick fast; store shop; food meal dish; spouse husband wife partner; hobby pastime interest; town city; country nation;
	school college university; class course lesson; book novel; exercise workout; painting picture artwork; gift present;
	choose pick; reason why because; plan intend; hope wish; like love enjoy; favorite favourite; sibling brother sister;
	help assist support; fix repair; company business firm; meeting appointment; event occasion; contest competition tournament;
	award prize trophy; illness disease; relax unwind; email mail; phone telephone; address location; cost price`)

func alikeGroups(table string) map[string][]string {
	m := make(map[string][]string)
	for _, line := range strings.Split(table, ";") {
		words := strings.Fields(line)
		for _, w := range words {
			for _, o := range words {
				if o != w {
					m[stem(w)] = append(m[stem(w)], o)
				}
			}
		}
	}
	return m
}

// stopWords carry no meaning of their own. Words of time ("last", "ago") are read
// before these are left out.
var stopWords = set(`a about above after again against all also am an and any are aren as at be because been
	before being below between both but by can could couldn d did didn do does doesn doing don done down during
	each else ever few for from further get gets getting go goes going gonna got had hadn has hasn have haven
	having he her here hers herself him himself his how i if in into is isn it its itself just kind let like likely ll m
	many me might more most much must my myself no nor not now of off on once one only or other ought our ours
	ourselves out over own re s same shall she should shouldn so some someone something such t than that the their
	theirs them themselves then there these they thing things this those though through to together too type under
	until up us ve very was wasn we were weren what when where which while who whom whose why will with within
	without won would wouldn yes yet you your yours yourself yourselves
	according describe described mention mentioned said say says talk talked tell told`)

func set(words string) map[string]bool {
	m := make(map[string]bool)
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}
