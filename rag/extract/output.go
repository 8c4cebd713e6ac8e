package extract

import (
	"context"
	"strings"
	"unicode"
)

func wordy(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }

// output takes the blocks of one document: it cleans, drops empty ones,
// counts, and stops at the limit.
type output struct {
	left   int64
	blocks int
	title  string // text of the first heading of level 1
	yield  func(Block) error
	alive  func() error
	err    error // the first error; nothing is yielded after it
}

func newOutput(ctx context.Context, o Options, yield func(Block) error) *output {
	return &output{left: o.MaxBytes, yield: yield, alive: func() error { return context.Cause(ctx) }}
}

func (out *output) add(b Block) error {
	if out.err == nil {
		out.err = out.alive()
	}
	if out.err != nil {
		return out.err
	}
	if b.Role == Code {
		b.Text = cleanCode(b.Text)
	} else {
		b.Text = Clean(b.Text)
	}
	if !strings.ContainsFunc(b.Text, wordy) { // empty, or a drawn rule
		return nil
	}
	if b.Role != Heading {
		b.Level = 0
	} else {
		b.Level = min(max(b.Level, 1), 6)
	}
	if out.left -= int64(len(b.Text)); out.left < 0 {
		out.err = ErrTooLarge
		return out.err
	}
	if out.title == "" && b.Role == Heading && b.Level == 1 {
		out.title = strings.ReplaceAll(b.Text, "\n", " ")
	}
	out.blocks++
	out.err = out.yield(b)
	return out.err
}
