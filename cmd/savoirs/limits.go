package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"savoirs/node"
)

// noLimit is how a person takes a limit back.
const noLimit = "none"

// rate is a limit in bytes a second: a size, or noLimit.
type rate struct{ bytes *int64 }

func (r rate) Type() string { return "size" }

func (r rate) String() string { return "" }

func (r rate) Set(text string) error {
	if text == noLimit {
		*r.bytes = 0
		return nil
	}
	if err := (*size)(r.bytes).Set(text); err != nil {
		return err
	}
	if *r.bytes < 1000 {
		return fmt.Errorf("%q is too little", text)
	}
	return nil
}

// rateFlag is a flag and the limit it sets.
type rateFlag struct {
	name  string
	bytes *int64
}

func rateFlags(l *node.Line) []rateFlag {
	day, night := &l.Limits.Day, &l.Limits.Night
	return []rateFlag{
		{"up", &day.Up}, {"down", &day.Down}, {"peer-up", &day.PeerUp}, {"peer-down", &day.PeerDown},
		{"night-up", &night.Up}, {"night-down", &night.Down}, {"night-peer-up", &night.PeerUp}, {"night-peer-down", &night.PeerDown},
	}
}

func meshLimitsCmd(s *shell) *cobra.Command {
	var wanted node.Line
	var window string
	c := s.command("mesh.limits", between(0, 0), func(cmd *cobra.Command, _ []string) error {
		line, err := s.limits(cmd, &wanted, window)
		if err != nil {
			return err
		}
		if s.json {
			return s.object(line)
		}
		if line.Congestion != "" && line.Congestion != "bbr" {
			s.tell("say.limits.no_bbr", "name", line.Congestion)
		}
		return s.table(s.limitRows(line))
	})
	for _, f := range rateFlags(&wanted) {
		c.Flags().Var(rate{f.bytes}, f.name, s.say("flag."+f.name))
	}
	c.Flags().StringVar(&window, "night", "", s.say("flag.night"))
	return c
}

// limits sets what the command line names, and returns what holds.
func (s *shell) limits(cmd *cobra.Command, wanted *node.Line, window string) (node.Line, error) {
	line, err := s.client().Line(cmd.Context())
	if err != nil {
		return line, err
	}
	changed := cmd.Flags().Changed("night")
	if changed {
		if err := line.Limits.Window.UnmarshalText([]byte(strings.TrimPrefix(window, noLimit))); err != nil {
			return line, usageError("bad_flag", "flag", "--night", "value", window, "help", cmd.CommandPath()+" --help")
		}
	}
	want := rateFlags(wanted)
	for i, f := range rateFlags(&line) {
		if cmd.Flags().Changed(f.name) {
			*f.bytes, changed = *want[i].bytes, true
		}
	}
	if !changed {
		return line, nil
	}
	return s.client().SetLimits(cmd.Context(), line.Limits)
}

func (s *shell) limitRows(l node.Line) [][]string {
	rows := [][]string{{"", s.say("say.limits.up"), s.say("say.limits.down")}}
	limit := func(title string, up, down int64) {
		rows = append(rows, []string{title, s.rate(up), s.rate(down)})
	}
	limit(s.say("say.limits.all"), l.Limits.Day.Up, l.Limits.Day.Down)
	limit(s.say("say.limits.each"), l.Limits.Day.PeerUp, l.Limits.Day.PeerDown)
	if window := l.Limits.Window.String(); window != "" {
		limit(s.say("say.limits.night", "window", window), l.Limits.Night.Up, l.Limits.Night.Down)
		limit(s.say("say.limits.night_each"), l.Limits.Night.PeerUp, l.Limits.Night.PeerDown)
	}
	used := func(title string, sent, received int64) {
		rows = append(rows, []string{title, s.words.Bytes(sent), s.words.Bytes(received)})
	}
	t := l.Traffic.Total
	used(s.say("say.limits.bulk"), t.Bulk.Sent, t.Bulk.Received)
	used(s.say("say.limits.catalogue"), t.Catalogue.Sent, t.Catalogue.Received)
	used(s.say("say.limits.discovery"), t.Discovery.Sent, t.Discovery.Received)
	used(s.say("say.limits.search"), t.Search.Sent, t.Search.Received)
	used(s.say("say.limits.rest"), t.Other.Sent, t.Other.Received)
	sum := t.Sum()
	used(s.say("say.limits.sum", "time", s.words.Span(l.Uptime)), sum.Sent, sum.Received)
	return rows
}

func (s *shell) rate(bytes int64) string {
	if bytes == 0 {
		return s.say("say.limits.none")
	}
	return s.say("say.limits.rate", "size", s.words.Bytes(bytes))
}
