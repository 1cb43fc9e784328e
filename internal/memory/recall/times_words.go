package recall

import (
	"strconv"
	"strings"
	"time"
)

// yearOf reads a year that people write about.
func yearOf(w string) (int, bool) {
	if len(w) != 4 {
		return 0, false
	}
	return number(w, 1900, 2100)
}

func number(w string, least, most int) (int, bool) {
	if w == "" || len(w) > 4 || w[0] < '0' || w[0] > '9' {
		return 0, false
	}
	n, err := strconv.Atoi(w)
	return n, err == nil && n >= least && n <= most
}

// ordinal reads a day of a month: "7", "7th", "seventh" is left to people.
func ordinal(w string) (int, bool) {
	for _, end := range []string{"st", "nd", "rd", "th"} {
		if rest, ok := strings.CutSuffix(w, end); ok {
			return number(rest, 1, 31)
		}
	}
	if len(w) > 2 {
		return 0, false
	}
	return number(w, 1, 31)
}

var (
	months = map[string]time.Month{
		"january": 1, "february": 2, "march": 3, "april": 4, "may": 5, "june": 6, "july": 7, "august": 8, "september": 9, "october": 10,
		"november": 11, "december": 12, "jan": 1, "feb": 2, "mar": 3, "apr": 4, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "sept": 9,
		"oct": 10, "nov": 11, "dec": 12,
	}
	weekdays = map[string]time.Weekday{
		"sunday": 0, "monday": 1, "tuesday": 2, "wednesday": 3, "thursday": 4, "friday": 5, "saturday": 6,
	}
	// seasons are those of the northern half, by their first month.
	seasons = map[string]time.Month{"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
	counts  = map[string]int{
		"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
		"eleven": 11, "twelve": 12,
	}
)

// timeWords are those that a phrase of time can begin with, beside figures.
var timeWords = startsOfTime()

func startsOfTime() map[string]bool {
	m := set("today tonight yesterday tomorrow the last past previous this current next coming upcoming in during")
	for w := range months {
		m[w] = true
	}
	for w := range weekdays {
		m[w] = true
	}
	for w := range seasons {
		m[w] = true
	}
	for w := range counts {
		m[w] = true
	}
	return m
}
