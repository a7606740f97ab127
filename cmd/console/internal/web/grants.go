package web

import (
	"encoding/json"
	"fmt"
	"maps"
)

// Role is what somebody may do in a tenant.
type Role string

// Roles. An operator may do what a viewer may.
const (
	Viewer   Role = "viewer"   // look
	Operator Role = "operator" // acknowledge, mute, write notes
)

// AllTenants stands for every tenant in [Grants].
const AllTenants = "*"

// Grants are the roles of somebody, by tenant.
type Grants map[string]Role

// Check says what is wrong with them. None at all are fine: such a login sees nothing.
func (g Grants) Check() error {
	for tenant, role := range g {
		if tenant == "" || role != Viewer && role != Operator {
			return fmt.Errorf("%q in tenant %q is no role: %s or %s", role, tenant, Viewer, Operator)
		}
	}
	return nil
}

// In returns the role in a tenant, "" for none.
func (g Grants) In(tenant string) Role {
	if g[AllTenants] == Operator || tenant != AllTenants && g[tenant] == Operator {
		return Operator
	}
	if g[AllTenants] == Viewer || tenant != AllTenants && g[tenant] == Viewer {
		return Viewer
	}
	return ""
}

// with adds others; the higher role counts.
func (g Grants) with(others Grants) Grants {
	sum := maps.Clone(g)
	if sum == nil {
		sum = Grants{}
	}
	for tenant, role := range others {
		if sum[tenant] != Operator {
			sum[tenant] = role
		}
	}
	return sum
}

func (g Grants) encode() string {
	b, _ := json.Marshal(g) // a map of strings
	return string(b)
}

// parseGrants reads what encode wrote. What it cannot read grants nothing.
func parseGrants(text string) Grants {
	var g Grants
	if json.Unmarshal([]byte(text), &g) != nil || g.Check() != nil {
		return nil
	}
	return g
}

// byGroup sums up what groups are granted; the group "" is everybody.
func byGroup(granted map[string]Grants, groups []string) Grants {
	sum := Grants{}.with(granted[""])
	for _, name := range groups {
		if name != "" {
			sum = sum.with(granted[name])
		}
	}
	return sum
}
