package p2p

import (
	"fmt"
	"time"
)

// Window is a part of each day by the local clock, such as 22:00-06:00, which may go past midnight. The zero value is
// none.
type Window struct {
	from, to int // minutes after midnight; equal is none
}

// ParseWindow reads "22:00-06:00"; "" is no window.
func ParseWindow(s string) (Window, error) {
	if s == "" {
		return Window{}, nil
	}
	var h, m, h2, m2 int
	n, err := fmt.Sscanf(s, "%d:%d-%d:%d", &h, &m, &h2, &m2)
	w := Window{from: 60*h + m, to: 60*h2 + m2}
	if n != 4 || err != nil || min(h, m, h2, m2) < 0 || max(h, h2) > 23 || max(m, m2) > 59 || w.from == w.to || w.String() != s {
		return Window{}, fmt.Errorf("%q is not a window such as 22:00-06:00", s)
	}
	return w, nil
}

// String is what ParseWindow reads.
func (w Window) String() string {
	if w.from == w.to {
		return ""
	}
	return fmt.Sprintf("%02d:%02d-%02d:%02d", w.from/60, w.from%60, w.to/60, w.to%60)
}

// MarshalText makes a Window a string in JSON.
func (w Window) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText is the counterpart of MarshalText.
func (w *Window) UnmarshalText(text []byte) (err error) {
	*w, err = ParseWindow(string(text))
	return err
}

func (w Window) contains(t time.Time) bool {
	now := 60*t.Hour() + t.Minute()
	if w.from <= w.to {
		return w.from <= now && now < w.to
	}
	return w.from <= now || now < w.to
}

// credible tells whether a clock may be right: a board without a battery begins in the past.
func credible(now time.Time) bool { return now.Year() >= 2024 }
