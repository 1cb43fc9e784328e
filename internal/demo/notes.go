package demo

import (
	"fmt"
	"strings"
)

const noteCount = 230

// noteKinds are what Linnea writes down: folder, tag, names, first lines, lines.
var noteKinds = []struct {
	folder, tag string
	names       []string
	lines       []string
}{
	{"Journal", "journal", []string{"Diary, a $weekday in $season", "Small things, $season", "Before sleep"}, []string{
		"Woke at $hour, $mood.", "Teun asked why the sea does not run out. I drew him a map; he drew it better.", "Walked to $place, saw a $bird.",
		"$person called and we talked until the tea was cold.", "Made $dish, everybody had seconds.", "Read three pages of $book and fell asleep.",
		"Bram sang in the wharf cellar; the whole Oudegracht heard it.", "I should write to $person.",
	}},
	{"Bread", "bread", []string{"Recipe: $bread", "$bread, attempt $n", "Starter log"}, []string{
		"$n grams of rye, the same of water, overnight on the sill.", "Fold three times, every half hour, with wet hands.", "Too sour; next time less time, not less starter.",
		"Bake at 240 °C with steam, then open the door a finger wide.", "Étienne says: the dough decides, you only wait.", "Crumb even, crust sang when it came out.",
		"For $person without seeds.",
	}},
	{"Birds", "birds", []string{"Bird log: $place", "$bird!", "Year list, $n"}, []string{
		"$bird, one, at $hour, wind from the west.", "Two $bird on the far bank, and a heron that was not impressed.", "Nothing for an hour, then everything at once.",
		"Light bad, telescope worse.", "Ida heard it first.", "Count: $n.",
	}},
	{"Work", "work", []string{"Meeting: $chart", "Idea: $tool", "What pilots want", "Colour scheme, round $n"}, []string{
		"Present: $person, $person, me.", "$person asks for $chart before $weekday.", "Decision: depth in metres and half metres, no feet.",
		"Open: who pays for the second survey of $place?", "A chart is a promise about the bottom of the sea.", "Generalise late, keep every sounding.",
		"Action: send $chart to the printer by $hour.",
	}},
	{"Garden", "garden", []string{"Plot 14: $crop", "Garden, $season", "Seeds for next year"}, []string{
		"Sowed $crop in $n rows.", "Mireille gave me a pumpkin that needs its own chair.", "Slugs: many. $crop: fewer.", "Water at $hour, not in the sun.",
		"Koos swears by coffee grounds.", "Frost warning for $weekday.",
	}},
	{"Reading", "books", []string{"On $book", "Quotes from $book"}, []string{
		"The best chapter is the one on tides, of course.", "“A coast is a sentence that the sea keeps correcting.”", "Lent to $person; write it down this time.",
		"Compare with the old pilot books in Gent.", "Page $n: the lighthouse is moved by a mistake in a table.", "Would read again on the ferry.",
	}},
	{"Trip", "portugal", []string{"Lisboa, what to see", "Portugal diary: $place", "Packing for $season"}, []string{
		"Marisol meets us at $place at $hour.", "Pastel de nata count: $n.", "The tide gauge at Belém has been read since 1772 or so, they say.", "Fog at Sintra, sun at Cabo da Roca, sand everywhere.",
		"Train over Köln, two nights, one cello in the compartment.", "Aprendi a dizer «maré vazia».",
	}},
	{"Sprachen", "language", []string{"Vocabulaire de la mer, $n", "Kleine Wörter $n", "Palavras do mar $n", "Woorden voor wind $n"}, []string{
		"la marée, l'estuaire, le phare, l'écueil", "Ebbe und Flut; der Priel, die Priele; das Wattenmeer", "a maré cheia, a foz, o farol, a névoa", "bries, vlaag, windstil, gure wind, weer of geen weer",
		"el oleaje, la orilla, el faro, la bajamar", "fyr, skär, vik, sund, å",
	}},
	{"한국어", "language", []string{"한국어 수업 $n", "민준과 연습 $n"}, []string{
		"오늘은 바다에 대해 이야기했다.", "지도를 읽는 법을 배우고 싶어요.", "민준 씨가 김치전 만드는 법을 가르쳐 주었다.", "숙제: 날씨에 대한 문장 열 개.", "안개가 끼면 등대가 보이지 않는다.",
	}},
	{"中文", "recipes", []string{"小雨的菜谱 $n", "麻婆豆腐 $n"}, []string{
		"豆腐四百克,豆瓣酱两勺,花椒一把。", "小雨说:火要大,心要静。", "先煮水,再放盐。", "成都的冬天也有雾。", "下次请小雨来吃饭。",
	}},
	{"日本語", "language", []string{"日本語ノート $n", "ゆきさんの本 $n"}, []string{
		"潮の満ち引きについて話した。", "古い地図を見るのが好きです。", "ゆきさんは「海図は手紙だ」と言った。", "カワセミを見た。とても青かった。", "宿題:天気の文を十個書く。",
	}},
}

// addNotes writes notes in Markdown. They name earlier ones in wiki style, each
// with an edge beside it.
func (l *life) addNotes() {
	seen := map[string]int{}
	for range noteCount {
		kind := pick(l, noteKinds)
		name := l.fill(pick(l, kind.names))
		if seen[name]++; seen[name] > 1 {
			name = fmt.Sprintf("%s (%d)", name, seen[name])
		}
		lines := some(l, l.between(2, 6), kind.lines)
		var b strings.Builder
		fmt.Fprintf(&b, "# %s\n\n", name)
		for _, line := range lines {
			fmt.Fprintf(&b, "- %s\n", l.fill(line))
		}
		links := l.mentioned(b.String())
		if len(l.notes) > 3 && l.chance(60) {
			for _, other := range some(l, l.between(1, 3), l.notes) {
				fmt.Fprintf(&b, "\nSee [[%s]].", other.name)
				links = append(links, link{"mentions", other.id})
			}
		}
		if kind.tag == "work" && l.chance(50) {
			links = append(links, link{"about", pick(l, l.events).id})
		}
		l.addNote(name, b.String(), kind.folder, kind.tag, links)
	}
}

func (l *life) addNote(name, text, folder, tag string, links []link) {
	created := l.daysAgo(l.between(1, 720))
	changed := created.AddDate(0, 0, min(l.between(0, 40), int(l.today.Sub(created).Hours()/24)))
	l.notes = append(l.notes, l.emit("Note", name, created, props{
		"text": text, "dateCreated": created, "dateModified": changed, "folder": folder, "keywords": list(tag),
	}, nil, links...))
}
