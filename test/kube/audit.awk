# audit.awk - what etcd told, what runtimes were told, and what kernels had
#
# A finding is a line. Times of etcd are those at which it was heard, so a
# deletion was never later than its time; those of runtimes are the answer of an
# ADD and the beginning of a DEL. So what is found is no matter of clocks:
#
#	an object that changes
#	an address that is held by two containers at once
#	one that is held, or on an interface, while no object says so
#	one that is on two interfaces at once
#	one that is held, and on no interface

# Who is it: a container, NAME-WORKER-POD-GENERATION, or its pod
function who(id) {
	if (adopts)
		sub(/-[0-9]+$/, "", id)
	return id
}

# When did the last object of this address and owner end? 0: there was none
function covered_until(address, owner) {
	return ((address, owner) in ended) ? ended[address, owner] : 0
}

function covered(address, id, ms, what) {
	if (covered_until(address, who(id)) < ms)
		print "uncovered: " address " of " id " " what " at " ms \
			", and no object says so"
}

kind == "history" && $2 == "put" {
	is = who($4) " " $5 " " $7
	if (($3) in object && object[$3] != is)
		print "changed: " $3 " was of " object[$3] ", is of " is
	object[$3] = is
	ended[$3, who($4)] = 1e18
}

kind == "history" && $2 == "delete" {
	delete object[$3]
	ended[$3, who($4)] = $1
}

kind == "journal" && $1 == "hold" {
	if (($5) in holder)
		print "duplicate: " $5 " of " holder[$5] " is given to " $4
	holder[$5] = $4
	n++
	address[n] = $5; id[n] = $4; from[n] = $2; to[n] = 1e18
	last[$5, $4] = n
}

kind == "journal" && $1 == "drop" {
	if (holder[$5] == $4)
		delete holder[$5]
	to[last[$5, $4]] = $2
	covered($5, $4, $2, "is held")
}

# Of the last look, when it is over
function all_seen(   i) {
	for (i = 1; i <= n && links; i++)
		if (from[i] < look_began && to[i] > look_ended &&
		    !((address[i], id[i]) in seen))
			print "unseen: " address[i] " is held by " id[i] \
				" and not in its sandbox at " look_began
}

kind == "looks" && $1 == "look" {
	all_seen()
	look_began = $2; between = $4; look_ended = $5
	delete seen
	delete carrier
}

kind == "looks" && $1 == "has" {
	if (($6) in carrier && who(carrier[$6]) != who($3))
		print "duplicate: " $6 " is on interfaces of " carrier[$6] \
			" and " $3
	carrier[$6] = $3
	seen[$6, $3] = 1
	covered($6, $3, between, "is on an interface")
}

END {
	if (look_began)
		all_seen()
	for (i = 1; i <= n; i++)
		if (to[i] == 1e18)
			covered(address[i], id[i], 1e17, "is held in the end")
}
