package main

import (
	"fmt"
	"strings"

	"savoirs/node"
)

// waitingDetail shows what helps to say yes or no.
func (s *shell) waitingDetail(d node.WaitingDetail) error {
	fmt.Fprintln(s.out, s.strong(clean(d.Title)))
	if d.Card != "" {
		fmt.Fprintln(s.out, clean(d.Card))
	}
	fmt.Fprintln(s.out)
	rows := [][]string{}
	row := func(key, value string) {
		if value != "" {
			rows = append(rows, []string{s.say("say.show." + key), value})
		}
	}
	row("ref", d.Ref)
	row("kind", s.kind(d.Kind))
	row("author", strings.TrimSpace(nameOf(d.By)+" ("+s.say("say.author."+string(d.Standing))+")"))
	row("territory", d.Territory)
	row("bearer", nameOf(d.Bearer))
	if !d.Came.IsZero() {
		row("came", s.ago(d.Came))
	}
	row("size", s.say("say.show.files", "n", d.Files, "size", s.words.Bytes(d.Size)))
	row("lang", d.Lang)
	row("licence", d.Licence)
	row("replaces", orElse(d.Replaced, d.Replaces))
	row("path", d.Path)
	row("root", d.Root)
	if err := s.table(rows); err != nil {
		return err
	}
	if err := s.documents(d.Documents); err != nil {
		return err
	}
	for _, e := range d.Excerpts {
		fmt.Fprintf(s.out, "\n%s\n%s\n", s.strong(clean(e.Document)), clean(e.Text))
	}
	if err := s.revisions(d.Item); err != nil {
		return err
	}
	s.tell("say.inbox.judge", "ref", d.Ref)
	return nil
}

// documents lists the files of an item.
func (s *shell) documents(docs []node.Document) error {
	if len(docs) == 0 {
		return nil
	}
	fmt.Fprintln(s.out)
	var rows [][]string
	for i, doc := range docs {
		if i == maxShown {
			rows = append(rows, []string{"  " + s.say("say.publish.more", "n", len(docs)-maxShown)})
			break
		}
		rows = append(rows, []string{"  " + strings.TrimSpace(doc.Path), s.words.Bytes(doc.Size)})
	}
	return s.table(rows)
}

// revisions puts the revisions by other hands beside an item.
func (s *shell) revisions(it node.Item) error {
	for _, c := range it.Conflicts {
		fmt.Fprintln(s.out)
		s.line("say.revision."+c.Relation, "who", s.whose(c), "title", c.Title, "size", s.words.Bytes(c.Size))
		s.line("say.verdict."+orElse(string(c.Verdict), "open"), "who", s.whose(c))
		rows := [][]string{{"  " + s.say("say.show.root"), c.Root}, {"  " + s.say("say.show.state"), s.say("say.where." + c.Scope)}}
		if c.Copies > 0 {
			rows = append(rows, []string{"  " + s.say("say.show.copies"), s.copies(node.Item{Spread: c.Spread})})
		}
		if err := s.table(rows); err != nil {
			return err
		}
		if err := s.changes(c.Changes); err != nil {
			return err
		}
	}
	return nil
}

func (s *shell) whose(c node.Conflict) string {
	who := c.By
	who.Territory = orElse(who.Territory, c.Territory)
	return nameOf(who)
}

// changes lists what another revision has that this one has not.
func (s *shell) changes(d *node.Changes) error {
	if d == nil {
		return nil
	}
	var rows [][]string
	show := func(sign string, all []node.Change) {
		for i, c := range all {
			if i == maxShown {
				rows = append(rows, []string{"  " + s.say("say.publish.more", "n", len(all)-maxShown)})
				break
			}
			size := s.words.Bytes(max(c.There, c.Here))
			if c.There > 0 && c.Here > 0 {
				size = s.words.Bytes(c.Here) + " → " + s.words.Bytes(c.There)
			}
			rows = append(rows, []string{"  " + sign + " " + clean(c.Path), size})
		}
	}
	show("+", d.Added)
	show("-", d.Removed)
	show("~", d.Changed)
	rows = append(rows, []string{"  " + s.say("say.revision.same", "n", d.Same)})
	return s.table(rows)
}
