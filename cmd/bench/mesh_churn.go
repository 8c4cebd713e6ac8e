package main

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// join connects a node that is up: to whom it knew before, then to anyone, until
// it has its number of neighbours.
func (s *simulation) join(n *simNode) {
	for _, id := range n.known {
		if len(n.links) < s.o.degree {
			s.connect(n, s.byID[id])
		}
	}
	for range 20 * s.o.degree {
		if len(n.links) >= s.o.degree/2 {
			return
		}
		s.connect(n, s.nodes[s.random.IntN(len(s.nodes))])
	}
}

// connect joins two nodes that are up, after the handshake, and both ask.
func (s *simulation) connect(a, b *simNode) {
	if a == b || a.cat == nil || b.cat == nil || a.linkTo(b.id) != nil || len(b.links) >= 2*s.o.degree {
		return
	}
	l := &link{sim: s, ends: [2]*simNode{a, b}, delay: 5*time.Millisecond + time.Duration(s.random.Int64N(int64(55*time.Millisecond)))}
	for _, n := range l.ends {
		n.links = append(n.links, l)
		if o := l.other(n).id; !slices.Contains(n.known, o) {
			n.known = append(n.known, o)
		}
	}
	s.clock.after(4*l.delay, func() {
		for _, n := range l.ends {
			if !l.cut {
				n.follow(l)
			}
		}
	})
}

// cut ends a link; who has too few looks for another.
func (s *simulation) cut(l *link) {
	l.cut = true
	l.calls.ring()
	for _, n := range l.ends {
		n.links = slices.DeleteFunc(n.links, func(o *link) bool { return o == l })
		s.clock.after(5*time.Second, func() {
			if n.cat != nil && len(n.links) < s.o.degree/2 {
				s.join(n)
			}
		})
	}
}

// churn has one node leave, and itself called for the next.
func (s *simulation) churn() {
	if s.o.churn <= 0 {
		return
	}
	mean := time.Minute.Seconds() / (s.o.churn * float64(len(s.nodes)))
	s.clock.after(time.Duration(s.random.ExpFloat64()*mean*float64(time.Second)), func() {
		if s.still {
			return
		}
		s.churn()
		n := s.nodes[s.random.IntN(len(s.nodes))]
		if n.cat == nil {
			return
		}
		s.leave(n)
		away := 30*time.Second + time.Duration(s.random.Int64N(int64(3*time.Minute)))
		s.clock.after(away, func() { s.comeBack(n) })
	})
}

func (s *simulation) leave(n *simNode) {
	n.down()
	for _, p := range s.publications {
		s.knows(p, n)
	}
}

// comeBack starts a node again and notes what it has missed.
func (s *simulation) comeBack(n *simNode) {
	if err := n.up(); err != nil {
		s.err = errors.Join(s.err, err)
		return
	}
	for i, p := range s.publications {
		if !p.holders[n.index] {
			n.lacking[i] = true
		}
	}
	s.join(n)
}

func (s *simulation) publishNow() {
	s.clock.after(s.o.every, func() {
		if s.still {
			return
		}
		s.publishNow()
		n := s.nodes[s.random.IntN(len(s.nodes))]
		if n.cat == nil || len(n.links) == 0 {
			return // nobody to tell
		}
		if err := n.publish(fmt.Sprint("Cahier ", len(s.publications))); err != nil {
			s.err = errors.Join(s.err, err)
		}
	})
}
