-- run_start said when the last run started, while nothing odd had happened in it; and what is odd about a hot subscriber happens some day. Now it says since
-- when nothing odd has: the run's start, or the instant after the odd event. What is stored is right in the new sense, too: 0 is "not known".
alter table paid_window rename column run_start to plain_since;
