package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"savoirs/node"
)

// meshWhyCmd says what this node holds against one node, or against all.
func meshWhyCmd(s *shell) *cobra.Command {
	return s.command("mesh.why", between(0, 1), func(cmd *cobra.Command, args []string) error {
		id := ""
		if len(args) == 1 {
			id = args[0]
		}
		records, err := s.client().Why(cmd.Context(), id)
		if err != nil {
			return err
		}
		switch {
		case id == "" && s.json:
			return s.object(records)
		case id == "":
			return s.whyAll(records)
		case s.json:
			return s.object(records[0])
		}
		s.whyOne(records[0])
		return nil
	})
}

func (s *shell) whyAll(records []node.Record) error {
	if len(records) == 0 {
		s.tell("say.why.nobody")
		return nil
	}
	rows := [][]string{{s.say("say.col.name"), s.say("say.col.state"), s.say("say.col.why"), s.say("say.col.latest"), s.say("say.col.id")}}
	for _, r := range records {
		kind := string(r.Faults[len(r.Faults)-1].Kind)
		rows = append(rows, []string{orElse(r.Name, "-"), s.standing(r), s.say("say.why.short." + kind), s.ago(r.Latest), r.Peer.String()})
	}
	return s.table(rows)
}

func (s *shell) whyOne(r node.Record) {
	if r.Count == 0 {
		s.line("say.why.nothing", "id", r.Peer.String())
		return
	}
	name := orElse(r.Name, r.Peer.String())
	s.line("say.why.standing", "name", name, "state", s.standing(r), "n", r.Count)
	for _, f := range r.Faults {
		fmt.Fprintln(s.out)
		s.line("say.why.fault."+string(f.Kind), "name", name, "time", s.ago(f.At), "protocol", f.Protocol)
		if f.Asked != "" {
			s.line("say.why.asked", "cid", f.Asked)
		}
		if f.SHA256 != "" {
			s.line("say.why.came", "size", s.words.Bytes(int64(f.Length)), "sha256", f.SHA256, "first", fmt.Sprintf("%x", f.First))
		}
		if f.Signed != nil {
			s.line("say.why.signed", "hex", fmt.Sprintf("%x", f.Signed))
		}
		s.line("say.why.detail", "what", f.What)
	}
	if r.Banned {
		fmt.Fprintln(s.out)
		s.line("say.why.next", "id", r.Peer.String())
	}
}

// standing is how a peer stands with this node.
func (s *shell) standing(r node.Record) string {
	switch {
	case r.Banned:
		return s.say("say.why.banned")
	case !r.Freed.IsZero():
		return s.say("say.why.freed")
	}
	return s.say("say.why.noted")
}

// ago is when something was, which no clock needs to agree on.
func (s *shell) ago(t time.Time) string {
	return s.say("say.why.ago", "time", s.words.Span(time.Since(t)))
}
