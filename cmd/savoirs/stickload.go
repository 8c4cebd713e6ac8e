package main

import (
	"cmp"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"savoirs/node"
)

func stickLoadCmd(s *shell) *cobra.Command {
	return completeDrives(s.command("stick.load", between(1, 1), func(cmd *cobra.Command, args []string) error {
		dir, err := filepath.Abs(args[0])
		if err != nil {
			return err
		}
		info, err := s.client().InspectStick(cmd.Context(), dir)
		if err != nil {
			return err
		}
		s.tell("say.load.from", "who", nameOf(info.By), "n", len(info.Items), "size", s.words.Bytes(info.Bytes))
		p := s.progress()
		loaded, err := s.client().LoadStick(cmd.Context(), dir, p.show)
		p.end()
		if err != nil {
			return err
		}
		if s.json {
			err = s.object(loaded)
		} else {
			err = s.loaded(loaded, dir)
		}
		return cmp.Or(err, unfinished(loaded))
	}))
}

func (s *shell) loaded(l node.Loaded, dir string) error {
	if l.Older {
		s.tell("say.load.older")
	}
	rows := [][]string{}
	waiting := 0
	for _, it := range l.Items {
		if it.State == node.Waits {
			waiting++
		}
		rows = append(rows, []string{s.arrival(it), s.kind(it.Kind), s.words.Bytes(it.Size), nameOf(it.Author), it.Title})
	}
	if len(rows) == 0 {
		s.line("say.load.nothing")
	} else if err := s.table(append([][]string{{s.say("say.col.state"), s.say("say.col.kind"), s.say("say.col.size"), s.say("say.col.author"), s.say("say.col.title")}}, rows...)); err != nil {
		return err
	}
	s.tell("say.load.news", "entries", l.Entries, "holdings", l.Holdings, "others", l.Others)
	for why, n := range l.Refused {
		s.tell("say.load.refused", "n", n, "why", s.why(why))
	}
	for _, r := range l.Receipts {
		s.tell("say.receipt."+string(r.State), "who", nameOf(r.Node), "title", cmp.Or(r.Title, r.Root), "why", s.why(r.Why))
	}
	if waiting > 0 {
		s.tell("say.load.waiting", "n", waiting)
	}
	if l.Written {
		s.tell("say.load.written")
	} else if l.WhyNot != "" {
		s.tell("say.load.not_written", "why", s.why(l.WhyNot))
	}
	s.tell("say.load.next", "dir", dir)
	return nil
}

// arrival says in a few words what became of an item.
func (s *shell) arrival(it node.Arrival) string {
	text := s.say("say.arrival." + string(it.State))
	switch {
	case it.Why != "":
		text += " : " + s.why(it.Why)
	case it.Lacks > 0:
		text += " (" + s.say("say.arrival.lacks", "n", it.Lacks) + ")"
	}
	return text
}

// why puts the reason of a refusal in words, if it is one of ours.
func (s *shell) why(reason string) string {
	if s.words.Has("say.refused."+reason) && reason != "" {
		return s.say("say.refused." + reason)
	}
	return clean(reason)
}

// unfinished is the error of a loading that did not bring all it should.
func unfinished(l node.Loaded) error {
	lacking, left := 0, 0
	for _, it := range l.Items {
		switch it.State {
		case node.ArrivedPartly, node.ArrivedDamaged:
			lacking++
		case node.NotLoadedForRoom:
			left++
		}
	}
	switch {
	case left > 0:
		return newFault("load_no_space", exitNoSpace, "n", strconv.Itoa(left))
	case lacking > 0:
		return newFault("load_incomplete", exitIncomplete, "n", strconv.Itoa(lacking))
	}
	return nil
}

func stickReceiptsCmd(s *shell) *cobra.Command {
	return s.command("stick.receipts", between(0, 0), func(cmd *cobra.Command, _ []string) error {
		all, err := s.client().StickReceipts(cmd.Context())
		if err != nil {
			return err
		}
		if s.json {
			return s.object(all)
		}
		if len(all) == 0 {
			s.tell("say.receipt.none")
			return nil
		}
		for _, r := range all {
			s.line("say.receipt."+string(r.State), "who", nameOf(r.Node), "title", cmp.Or(r.Title, r.Root), "why", s.why(r.Why))
		}
		return nil
	})
}
