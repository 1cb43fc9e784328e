package recall

import (
	"strings"
	"time"
)

// A span is a stretch of time that a text speaks of, From inclusive to To
// exclusive. A span of every year is named without one ("in May"): its times are of
// the year 2000.
type span struct {
	From, To time.Time
	Yearly   bool
	words    [2]int // the tokens that say so, from inclusive to exclusive
}

// spansOf finds the words of time in a text and resolves what is relative against
// now: the time at which the text was said.
func spansOf(list []token, now time.Time) []span {
	var spans []span
	for i := 0; i < len(list); {
		if w := list[i].raw; !timeWords[w] && (w[0] < '0' || w[0] > '9') {
			i++
			continue
		}
		p := timeParser{list: list[i:], now: now}
		s, n := p.span()
		if n == 0 {
			i++
			continue
		}
		s.words = [2]int{i, i + n}
		spans = append(spans, s)
		i += n
	}
	return spans
}

// A timeParser reads a phrase of time at the beginning of a list of words.
type timeParser struct {
	list []token
	now  time.Time
}

func (p timeParser) word(i int) string {
	if i < 0 || i >= len(p.list) {
		return ""
	}
	return p.list[i].raw
}

// span returns the stretch that the words at the beginning name, and how many words
// that takes; 0 if they name none.
func (p timeParser) span() (span, int) {
	for _, form := range []func(timeParser) (span, int){
		timeParser.iso, timeParser.date, timeParser.near, timeParser.ago, timeParser.relative, timeParser.season, timeParser.year,
	} {
		if s, n := form(p); n > 0 {
			return s, n
		}
	}
	return span{}, 0
}

// iso reads 2023-05-07 and 2023-05, which are words of their own to tokens.
func (p timeParser) iso() (span, int) {
	y, ok := yearOf(p.word(0))
	m, ok2 := number(p.word(1), 1, 12)
	if !ok || !ok2 || len(p.word(1)) != 2 {
		return span{}, 0
	}
	if d, ok := number(p.word(2), 1, 31); ok && len(p.word(2)) == 2 {
		return p.day(y, time.Month(m), d), 3
	}
	return p.month(y, time.Month(m)), 2
}

// date reads "7 May 2023", "7th of May", "May 7, 2023", "May 2023", "May".
func (p timeParser) date() (span, int) {
	if d, ok := ordinal(p.word(0)); ok {
		i := 1
		if p.word(i) == "of" {
			i++
		}
		if m, ok := p.monthAt(i, true); ok {
			return p.dayOrYearly(d, m, i+1)
		}
		return span{}, 0
	}
	m, ok := p.monthAt(0, false)
	if !ok {
		return span{}, 0
	}
	if d, ok := ordinal(p.word(1)); ok {
		return p.dayOrYearly(d, m, 2)
	}
	if y, ok := yearOf(p.word(1)); ok {
		return p.month(y, m), 2
	}
	if y, ok := yearOf(p.word(2)); ok && p.word(1) == "of" {
		return p.month(y, m), 3
	}
	s := p.month(2000, m)
	s.Yearly = true
	return s, 1
}

func (p timeParser) dayOrYearly(d int, m time.Month, n int) (span, int) {
	if y, ok := yearOf(p.word(n)); ok {
		return p.day(y, m, d), n + 1
	}
	s := p.day(2000, m, d)
	s.Yearly = true
	return s, n
}

// monthAt reads the name of a month. "may", "march" and short names are months only
// with a capital letter or beside a number.
func (p timeParser) monthAt(i int, sure bool) (time.Month, bool) {
	w := p.word(i)
	m, ok := months[w]
	if !ok {
		return 0, false
	}
	if len(w) > 4 && w != "march" || sure {
		return m, true
	}
	if _, ok := ordinal(p.word(i + 1)); ok {
		return m, true
	}
	if _, ok := yearOf(p.word(i + 1)); ok {
		return m, true
	}
	return m, p.list[i].big && !p.list[i].head
}

// near reads "today", "yesterday", "last night", "the day before yesterday".
func (p timeParser) near() (span, int) {
	switch p.word(0) {
	case "today", "tonight":
		return p.days(0, 1), 1
	case "yesterday":
		return p.days(-1, 1), 1
	case "tomorrow":
		return p.days(1, 1), 1
	case "the":
		if p.word(1) == "day" && p.word(2) == "before" && p.word(3) == "yesterday" {
			return p.days(-2, 1), 4
		}
		if p.word(1) == "other" && p.word(2) == "day" {
			return p.days(-7, 7), 3
		}
	case "last":
		if p.word(1) == "night" {
			return p.days(-1, 1), 2
		}
	case "this":
		switch p.word(1) {
		case "morning", "afternoon", "evening":
			return p.days(0, 1), 2
		}
	}
	return span{}, 0
}

// ago reads "two weeks ago", "a year ago", "3 months earlier", and "in two weeks".
func (p timeParser) ago() (span, int) {
	i, sign := 0, -1
	if p.word(0) == "in" {
		i, sign = 1, 1
	}
	n, used, ok := p.count(i)
	if !ok {
		return span{}, 0
	}
	i += used
	unit := strings.TrimSuffix(p.word(i), "s")
	i++
	if sign < 0 {
		switch p.word(i) {
		case "ago", "earlier", "back":
			i++
		default:
			return span{}, 0
		}
	}
	switch unit {
	case "day":
		return p.days(sign*n, 1), i
	case "week":
		return p.days(sign*7*n-3, 7), i
	case "weekend":
		return p.weekend(sign * n), i
	case "month":
		at := monthStart(p.now).AddDate(0, sign*n, 0)
		return p.month(at.Year(), at.Month()), i
	case "year":
		return p.wholeYear(p.now.Year() + sign*n), i
	}
	return span{}, 0
}

// count reads a number of something: "3", "two", "a", "a couple of", "a few".
func (p timeParser) count(i int) (n, used int, ok bool) {
	w := p.word(i)
	if n, ok := number(w, 1, 1000); ok {
		return n, 1, true
	}
	if n, ok := counts[w]; ok {
		if w == "a" || w == "an" {
			switch p.word(i + 1) {
			case "couple":
				if p.word(i+2) == "of" {
					return 2, 3, true
				}
				return 2, 2, true
			case "few":
				return 3, 2, true
			}
		}
		return n, 1, true
	}
	return 0, 0, false
}

// relative reads "last week", "this month", "next Friday", "last May", "on Sunday".
func (p timeParser) relative() (span, int) {
	step, i := 0, 1
	switch p.word(0) {
	case "last", "past", "previous":
		step = -1
	case "next", "coming", "upcoming":
		step = 1
	case "this", "current":
	default:
		if d, ok := weekdays[p.word(0)]; ok {
			return p.weekday(d, -1), 1
		}
		return span{}, 0
	}
	w := p.word(i)
	if d, ok := weekdays[w]; ok {
		return p.weekday(d, step), 2
	}
	if m, ok := months[w]; ok && (len(w) > 3 || p.list[i].big) {
		return p.nearMonth(m, step), 2
	}
	if first, ok := seasons[w]; ok {
		y := p.now.Year()
		s := p.seasonOf(y, first)
		switch {
		case step < 0 && !s.To.Before(p.now):
			s = p.seasonOf(y-1, first)
		case step > 0 && !s.From.After(p.now):
			s = p.seasonOf(y+1, first)
		}
		return s, 2
	}
	if n, used, ok := p.count(i); ok && used == 1 && step != 0 { // "the last two weeks"
		return p.stretch(n, strings.TrimSuffix(p.word(i+1), "s"), step, i+2)
	}
	if w == "few" {
		return p.stretch(3, strings.TrimSuffix(p.word(i+1), "s"), step, i+2)
	}
	switch w {
	case "week":
		monday := p.days(-(int(p.now.Weekday())+6)%7, 1).From
		return span{From: monday.AddDate(0, 0, 7*step), To: monday.AddDate(0, 0, 7*step+7)}, 2
	case "weekend":
		return p.weekend(step), 2
	case "month":
		at := monthStart(p.now).AddDate(0, step, 0)
		return p.month(at.Year(), at.Month()), 2
	case "year":
		return p.wholeYear(p.now.Year() + step), 2
	}
	return span{}, 0
}

func (p timeParser) stretch(n int, unit string, step, used int) (span, int) {
	days := map[string]int{"day": 1, "week": 7, "month": 30, "year": 365}[unit]
	if days == 0 {
		return span{}, 0
	}
	if step < 0 {
		return p.days(-n*days, n*days+1), used
	}
	return p.days(0, n*days+1), used
}

// season reads "summer 2023", "spring of 2022", "in the summer".
func (p timeParser) season() (span, int) {
	i, within := 0, false
	switch p.word(0) {
	case "in", "during":
		i, within = 1, true
		if p.word(1) == "the" {
			i = 2
		}
	}
	first, ok := seasons[p.word(i)]
	if !ok {
		return span{}, 0
	}
	i++
	if p.word(i) == "of" {
		i++
	}
	if y, ok := yearOf(p.word(i)); ok {
		return p.seasonOf(y, first), i + 1
	}
	if !within {
		return span{}, 0 // "fall" and "spring" are verbs too
	}
	s := p.seasonOf(2000, first)
	s.Yearly = true
	return s, i
}

// overlaps reports whether two stretches have a moment in common. A span of every
// year is compared in all years that the other touches.
func (s span) overlaps(o span) bool {
	if o.Yearly && !s.Yearly {
		s, o = o, s
	}
	if !s.Yearly || o.Yearly || s.To.Sub(s.From) > 400*24*time.Hour {
		return s.From.Before(o.To) && o.From.Before(s.To)
	}
	for _, y := range [3]int{o.From.Year() - 1, o.From.Year(), o.To.Year()} {
		at := span{From: s.From.AddDate(y-2000, 0, 0), To: s.To.AddDate(y-2000, 0, 0)}
		if at.overlaps(o) {
			return true
		}
	}
	return false
}
