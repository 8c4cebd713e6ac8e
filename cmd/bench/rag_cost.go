package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// cost is time and work. A moment is one since the start of everything.
type cost struct{ wall, cpu float64 } // seconds

var costBegan = time.Now()

// costNow is what this program and all that it started have cost so far.
func costNow() cost {
	parents, spent := map[int]int{}, map[int]float64{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has just ended
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		s := string(b)
		f := strings.Fields(s[strings.LastIndexByte(s, ')')+1:])
		parents[pid], _ = strconv.Atoi(f[1])
		spent[pid], _ = parseStat(s)
	}
	c := cost{wall: time.Since(costBegan).Seconds()}
	for pid := range parents {
		for at := pid; at > 1; at = parents[at] {
			if at == os.Getpid() {
				c.cpu += spent[pid]
				break
			}
		}
	}
	return c
}

func (c cost) until(later cost) cost { return cost{later.wall - c.wall, later.cpu - c.cpu} }
func (c cost) and(o cost) cost       { return cost{c.wall + o.wall, c.cpu + o.cpu} }
func (c cost) without(o cost) cost   { return cost{c.wall - o.wall, c.cpu - o.cpu} }
