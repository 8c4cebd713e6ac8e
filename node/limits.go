package node

import (
	"fmt"
	"time"

	"savoirs/p2p"
)

// Line is how much of the line to others the mesh may use, and has used since the node
// was started.
type Line struct {
	Limits     p2p.Limits    `json:"limits"`
	Congestion string        `json:"congestion"` // control of TCP: bbr is the one for lossy links
	Uptime     time.Duration `json:"uptime_ns"`
	Traffic    p2p.Traffic   `json:"traffic"`
}

// Line tells how much of the line the mesh may use and has used.
func (n *Node) Line() Line {
	return Line{
		Limits: n.mesh.Limits(), Congestion: n.mesh.Congestion(),
		Uptime: time.Since(n.started), Traffic: n.mesh.Traffic(),
	}
}

// SetLimits replaces all limits, at once and for later starts. Errors:
// p2p.ErrRate, and then nothing changed.
func (n *Node) SetLimits(l p2p.Limits) (Line, error) {
	if err := l.Check(); err != nil {
		return Line{}, fmt.Errorf("set limits: %w", err)
	}
	if err := n.choices.change(func(c *savedChoices) { c.Limits = l }); err != nil {
		return Line{}, err
	}
	n.mesh.SetLimits(l)
	return n.Line(), nil
}
