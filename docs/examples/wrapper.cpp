/* SPDX-License-Identifier: MIT */
/*
 * uspawn as C++ has it: owners, and failures as exceptions that name the step. Two kinds of child: a process, which may
 * be moved since no ring has it, and a job, which stays where it is and is told of its end.
 */
#include <cerrno>
#include <iostream>
#include <memory>
#include <system_error>
#include <utility>
#include <uspawn.h>

namespace us
{

struct freer {
	void operator()(uspawn_plan *p) const
	{
		uspawn_plan_free(p);
	}
	void operator()(uspawn_ring *r) const
	{
		uspawn_ring_free(r);
	}
};
using plan = std::unique_ptr<uspawn_plan, freer>;
using ring = std::unique_ptr<uspawn_ring, freer>;

template <class T> T sized()
{
	T t{};
	t.size = sizeof(T);
	return t;
}

[[noreturn]] inline void fail(const uspawn_failure &f)
{
	throw std::system_error(f.errnum, std::generic_category(), uspawn_strstep(f.step));
}

inline plan make_plan(const char *program, char *const *argv)
{
	auto request = sized<uspawn_request>();
	request.file = program;
	request.argv = argv;
	uspawn_plan *p;
	uspawn_failure f;
	if (uspawn_plan_new(&p, &request, &f) < 0)
		fail(f);
	return plan(p);
}

inline ring make_ring()
{
	uspawn_ring *r;
	int error = uspawn_ring_new(&r, 0, 0);
	if (error < 0)
		throw std::system_error(-error, std::generic_category(), "ring");
	return ring(r);
}

struct process {
	uspawn_child c{};

	explicit process(const plan &p)
	{
		if (uspawn_start(&c, p.get(), nullptr) < 0)
			fail(c.failure);
	}
	process(process &&o) noexcept : c(std::exchange(o.c, uspawn_child{}))
	{
	}
	process &operator=(process &&o) noexcept
	{
		std::swap(c, o.c);
		return *this;
	}
	~process()
	{
		uspawn_done(&c); /* lets go of it if it still runs */
	}

	const uspawn_exit &wait()
	{
		uspawn_wait(&c, -1);
		return c.exit;
	}
	int kill(int signo)
	{
		return uspawn_kill(&c, signo, 0);
	}
};

struct job : uspawn_child {
	job() : uspawn_child{}
	{
	}
	job(const job &) = delete;
	job &operator=(const job &) = delete;
	virtual ~job()
	{
		uspawn_done(this);
	}
	virtual void ended() = 0;
};

inline void start(const ring &r, job &j, const plan &p)
{
	if (uspawn_ring_start(r.get(), &j, p.get(), nullptr) < 0)
		fail(j.failure);
}

inline void run(const ring &r)
{
	uspawn_event events[64];
	for (int n; (n = uspawn_ring_wait(r.get(), events, 64, -1)) >= 0;)
		while (n--)
			static_cast<job *>(events[n].child)->ended();
}

} // namespace us

struct compile : us::job {
	int status = -1;
	void ended() override
	{
		status = exit.status;
	}
};

int main()
{
	char sh[] = "sh", option[] = "-c", command[] = "exit 6";
	char *argv[] = { sh, option, command, nullptr };
	auto plan = us::make_plan("sh", argv);

	us::process first(plan), moved(std::move(first));
	int status = moved.wait().status;

	auto ring = us::make_ring();
	compile one, two;
	us::start(ring, one, plan);
	us::start(ring, two, plan);
	us::run(ring);
	std::cout << status << " " << one.status << " " << two.status << "\n";

	try {
		us::process missing(us::make_plan("/no/such", argv));
	} catch (const std::system_error &error) {
		std::cout << error.what() << "\n";
		return status == 6 && one.status == 6 && two.status == 6 && error.code().value() == ENOENT ? 0 : 1;
	}
	return 1;
}
