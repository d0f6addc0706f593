package review

import (
	"slices"
	"strings"

	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/governance/snapshot"
)

// effects say what a review cannot tell without a part.
var effects = map[snapshot.Part]string{
	snapshot.PartRolesV1:        "It is not known which roles are disabled, whether audit signatures match, and which roles identities hold that are not claims.",
	snapshot.PartRolesV2:        "Rights are converted from names of version 1, if that was read. Rights that only version 2 has are missing, and so are holders that are not Active Directory users and groups.",
	snapshot.PartObjectNames:    "Rights on single collections, containers and PAM providers are missing for roles that were read through version 1 only.",
	snapshot.PartClaims:         "Claims that hold no role are missing.",
	snapshot.PartIdentities:     "Identities that hold no role are missing, and it is not known whether the audit signatures of identities match.",
	snapshot.PartPermissionSets: "It is not known what limits the roles.",
	snapshot.PartProviders:      "It is not known who vouches for the holders.",
	snapshot.PartPermissions:    "It is not known whether the server knows the paths of the roles.",
	snapshot.PartCollections:    "Collections have ids instead of names, and it is not known which certificates are in them.",
	snapshot.PartContainers:     "Containers have ids instead of names.",
	snapshot.PartPAMProviders:   "PAM providers have ids instead of names.",
}

// Gaps are what the snapshot lacks, and what the review therefore cannot tell. What
// Command 10 does not have is none: there is nothing to be missed.
func (r *Review) Gaps() []report.Gap {
	return gapsOf(slices.DeleteFunc(r.lacking(r.s.Gaps), r.notYet))
}

// notYet reports whether a gap is about something that Command 10 does not have, on a
// server of Command 10.
func (r *Review) notYet(g snapshot.Gap) bool {
	return r.onlyV1 && g.Reason == snapshot.ReasonNotThere && g.Object == "" && slices.Contains(newer, g.Part)
}

// newer are the parts that came with Command 11.
var newer = []snapshot.Part{
	snapshot.PartRolesV2, snapshot.PartClaims, snapshot.PartPermissionSets, snapshot.PartProviders, snapshot.PartPermissions,
}

// lacking are the gaps that matter to a review: names for single objects do not if
// paths say the same.
func (r *Review) lacking(gaps []snapshot.Gap) []snapshot.Gap {
	named := slices.ContainsFunc(r.roles, func(x role) bool { return !slices.Contains(x.Versions, 2) })
	return slices.DeleteFunc(slices.Clone(gaps), func(g snapshot.Gap) bool { return g.Part == snapshot.PartObjectNames && !named })
}

// lost reports whether something of one of the parts is missing, apart from roles that
// were deleted meanwhile.
func (r *Review) lost(parts ...snapshot.Part) bool {
	return slices.ContainsFunc(r.s.Gaps, func(g snapshot.Gap) bool {
		return slices.Contains(parts, g.Part) && g.Reason != snapshot.ReasonGone && !r.notYet(g)
	})
}

// rolesRead reports whether all roles were read with all their holders.
func (r *Review) rolesRead() bool {
	part := snapshot.PartRolesV2
	if r.onlyV1 {
		part = snapshot.PartRolesV1
	}
	return !r.lost(part) && !slices.ContainsFunc(r.roles, func(x role) bool { return !r.holdersRead(&x) })
}

// allRead reports whether all roles were read with all holders and rights.
func (r *Review) allRead() bool {
	return r.rolesRead() && !slices.ContainsFunc(r.roles, func(x role) bool { return !r.rightsRead(&x) })
}

// gapsOf tells gaps to people. Those of single objects with one reason are one.
func gapsOf(gaps []snapshot.Gap) []report.Gap {
	type kind struct {
		part   snapshot.Part
		single bool
		reason snapshot.Reason
		option string
	}
	byKind := map[kind][]snapshot.Gap{}
	var order []kind
	for _, g := range gaps {
		k := kind{g.Part, g.Object != "", g.Reason, g.Option}
		if byKind[k] == nil {
			order = append(order, k)
		}
		byKind[k] = append(byKind[k], g)
	}
	var out []report.Gap
	for _, k := range order {
		g := report.Gap{What: string(k.part), Reason: reasons[k.reason], Effect: effects[k.part], Do: remedies[k.reason]}
		if g.Reason == "" {
			g.Reason = string(k.reason)
		}
		if k.single {
			var objects []string
			for _, one := range byKind[k] {
				objects = append(objects, quoted(one.Object))
			}
			slices.Sort(objects)
			g.What += " of " + enumerate(short(objects))
		}
		if detail := byKind[k][0].Detail; detail != "" {
			g.Reason += ": " + detail
		}
		if k.option != "" {
			g.Do = "Take the snapshot with --" + strings.ToLower(k.option) + "."
		}
		out = append(out, g)
	}
	return out
}

var reasons = map[snapshot.Reason]string{
	snapshot.ReasonRefused:    "the account may not read it (403)",
	snapshot.ReasonNotThere:   "the server does not have it",
	snapshot.ReasonGone:       "it was deleted while the snapshot was taken",
	snapshot.ReasonFailed:     "the server failed",
	snapshot.ReasonUnreadable: "the server's answer makes no sense",
	snapshot.ReasonNotAsked:   "it was not asked for",
	snapshot.ReasonHidden:     "something refers to it, and the server does not list it",
}

var remedies = map[snapshot.Reason]string{
	snapshot.ReasonRefused:    "Take the snapshot with an account that may read it, such as one with /security/read/ and the read permission of that area.",
	snapshot.ReasonNotThere:   "Look whether the API path is right, and whether something between lets the request through. If the server does not have it, accept that this review does not cover it.",
	snapshot.ReasonGone:       "Take the snapshot again if it matters.",
	snapshot.ReasonFailed:     "Take the snapshot again. If it fails again, look at the log of the server.",
	snapshot.ReasonUnreadable: "Take the snapshot again. If it is the same again, report it.",
	snapshot.ReasonHidden:     "Find out whether it was deleted, or is not visible to the account of the snapshot.",
}
