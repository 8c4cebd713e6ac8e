package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"savoirs/node"
	"savoirs/node/words"
)

// progress shows the stages of a gesture on err: on a terminal a bar with rate
// and time left, redrawn in place; elsewhere a line per tenth.
type progress struct {
	w     io.Writer
	words words.Pack
	bar   bool
	width func() int
	now   func() time.Time

	stage   string
	started time.Time // of this stage
	from    int64     // what was done when this stage started
	tenth   int64     // last one written
	drawn   time.Time
	last    node.Progress
}

// redraw is how often a bar changes: enough to look alive, not to flicker.
const redraw = 100 * time.Millisecond

func (s *shell) progress() *progress {
	p := &progress{w: s.err, words: s.words, bar: s.errTTY, width: s.width, now: time.Now}
	if s.quiet {
		p.w = io.Discard
	}
	return p
}

// show takes the next step of a gesture.
func (p *progress) show(step node.Progress) {
	if step.Stage != p.stage {
		p.end()
		p.stage, p.started, p.from, p.tenth, p.drawn = step.Stage, p.now(), step.Done, -1, time.Time{}
	}
	p.last = step
	if p.bar {
		if now := p.now(); now.Sub(p.drawn) >= redraw || step.Done == step.Total {
			p.drawn = now
			p.draw()
		}
		return
	}
	tenth := int64(0)
	if step.Total > 0 {
		tenth = 10 * step.Done / step.Total
	}
	if tenth > p.tenth {
		p.tenth = tenth
		fmt.Fprintln(p.w, p.label()+p.share()+p.amount())
	}
}

// end closes the line of a bar. It may be called when nothing was shown.
func (p *progress) end() {
	if p.bar && p.stage != "" {
		p.draw()
		fmt.Fprintln(p.w)
	}
	p.stage = ""
}

func (p *progress) draw() {
	text := p.label() + p.share() + p.amount() + p.rate()
	if p.last.Total > 0 {
		if room := p.width() - utf8.RuneCountInString(text) - 4; room >= 10 {
			room = min(room, 30)
			full := int(int64(room) * min(p.last.Done, p.last.Total) / p.last.Total)
			text = p.label() + "[" + strings.Repeat("#", full) + strings.Repeat("-", room-full) + "] " + p.share() + p.amount() + p.rate()
		}
	}
	fmt.Fprint(p.w, "\r\x1b[K"+text)
}

func (p *progress) label() string {
	key := "say.stage." + p.stage
	if !p.words.Has(key) {
		key = "say.stage.work"
	}
	label := p.words.Say(key)
	if p.last.Note != "" {
		label += " " + clean(p.last.Note)
	}
	return label + "  "
}

func (p *progress) share() string {
	if p.last.Total <= 0 {
		return ""
	}
	return p.words.Say("say.percent", "n", 100*p.last.Done/p.last.Total) + "  "
}

func (p *progress) amount() string {
	if p.stage == "install" {
		return "" // each file counts twice, read and sent: its share is what tells
	}
	measure := p.words.Count
	if p.inBytes() {
		measure = p.words.Bytes
	}
	switch {
	case p.last.Total > 0:
		return p.words.Say("say.done_of", "done", measure(p.last.Done), "total", measure(p.last.Total))
	case p.last.Done > 0:
		return measure(p.last.Done)
	}
	return ""
}

// rate is the speed of this stage and what is left of it at that speed, once
// it has run long enough to tell.
func (p *progress) rate() string {
	spent, done := p.now().Sub(p.started), p.last.Done-p.from
	if spent < time.Second || done <= 0 {
		return ""
	}
	text := ""
	if p.inBytes() {
		text = "  " + p.words.Say("say.per_second", "rate", p.words.Bytes(int64(float64(done)/spent.Seconds())))
	}
	if left := p.last.Total - p.last.Done; left > 0 {
		text += "  " + p.words.Say("say.left", "time", p.words.Span(time.Duration(float64(spent)*float64(left)/float64(done))))
	}
	return text
}

func (p *progress) inBytes() bool {
	switch p.stage {
	case "copy", "fetch", "verify", "pack", "load":
		return true
	}
	return false
}
