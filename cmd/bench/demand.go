package main

import (
	"fmt"
	"math"
)

// ourName is the line of this program.
const ourName = "savoirs"

// demand is what is asked of a figure: the median of a metric, bare or divided
// by that of another line.
type demand struct {
	metric string
	who    string  // whose figure, "" for ours
	than   string  // beside whose, "" for none
	speed  bool    // of times: compare speeds, so that more is better
	least  float64 // at least this, or
	most   float64 // at most this
	worst  bool    // of the worst run instead of the median
}

// String is the demand in words.
func (d demand) String() string {
	sign, bound := "≥", d.least
	if d.most > 0 {
		sign, bound = "≤", d.most
	}
	who := ""
	if d.who != "" && d.who != ourName {
		who = d.who + ": "
	}
	switch {
	case d.than == "" && d.worst:
		return fmt.Sprintf("%s%s %s %s, in every run", who, sign, number(bound), d.metric)
	case d.than == "":
		return fmt.Sprintf("%s%s %s %s", who, sign, number(bound), d.metric)
	case d.speed:
		return fmt.Sprintf("%s%s %s × the speed of %s", who, sign, number(bound), d.than)
	default:
		return fmt.Sprintf("%s%s %s × the %s of %s", who, sign, number(bound), d.metric, d.than)
	}
}

// judge returns the value that counts and whether it is enough, which it is not
// when a run failed; judged is false when a figure is missing.
func (d demand) judge(t table) (value float64, ok, judged bool) {
	who := d.who
	if who == "" {
		who = ourName
	}
	l := t.line(who)
	if l.Missing != "" && !l.Absent {
		return math.NaN(), false, true
	}
	value, judged = l.median(d.metric)
	if d.worst {
		value, judged = l.worst(d.metric, d.most > 0)
	}
	if !judged {
		return 0, false, false
	}
	if d.than != "" {
		other, known := t.line(d.than).median(d.metric)
		if !known || other == 0 || value == 0 {
			return 0, false, false
		}
		value /= other
		if d.speed {
			value = 1 / value
		}
	}
	if d.most > 0 {
		return value, value <= d.most, true
	}
	return value, value >= d.least, true
}

// worst is the highest or the lowest of all runs.
func (l line) worst(metric string, highest bool) (float64, bool) {
	var worst float64
	found := false
	for _, s := range l.Runs {
		v, ok := s[metric]
		if !ok {
			continue
		}
		if !found || (v > worst) == highest {
			worst, found = v, true
		}
	}
	return worst, found
}
