package recall

import (
	"time"
)

func (p timeParser) year() (span, int) {
	if y, ok := yearOf(p.word(0)); ok {
		return p.wholeYear(y), 1
	}
	return span{}, 0
}

func (p timeParser) at(y int, m time.Month, d int) time.Time {
	return time.Date(y, m, d, 0, 0, 0, 0, p.now.Location())
}

func (p timeParser) day(y int, m time.Month, d int) span {
	from := p.at(y, m, d)
	return span{From: from, To: from.AddDate(0, 0, 1)}
}

// days is a number of days that begin so many after today.
func (p timeParser) days(after, n int) span {
	y, m, d := p.now.Date()
	from := p.at(y, m, d+after)
	return span{From: from, To: from.AddDate(0, 0, n)}
}

func (p timeParser) month(y int, m time.Month) span {
	from := p.at(y, m, 1)
	return span{From: from, To: from.AddDate(0, 1, 0)}
}

func (p timeParser) wholeYear(y int) span {
	return span{From: p.at(y, 1, 1), To: p.at(y+1, 1, 1)}
}

func (p timeParser) seasonOf(y int, first time.Month) span {
	from := p.at(y, first, 1)
	return span{From: from, To: from.AddDate(0, 3, 0)}
}

// weekday is the last one before today, or the next one after it.
func (p timeParser) weekday(d time.Weekday, step int) span {
	off := (int(d) - int(p.now.Weekday()) + 7) % 7
	switch {
	case step < 0:
		off -= 7
	case step > 0 && off == 0:
		off = 7
	}
	return p.days(off, 1)
}

func (p timeParser) nearMonth(m time.Month, step int) span {
	y := p.now.Year()
	switch {
	case step < 0 && m >= p.now.Month():
		y--
	case step > 0 && m <= p.now.Month():
		y++
	}
	return p.month(y, m)
}

// weekend is from Friday evening on, as a day.
func (p timeParser) weekend(step int) span {
	saturday := (6 - int(p.now.Weekday()) + 7) % 7
	if p.now.Weekday() == time.Sunday {
		saturday = -1
	}
	return p.days(saturday+7*step-1, 3)
}

func monthStart(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, t.Location())
}
