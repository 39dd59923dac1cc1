/* What the product offers: one table each of tools, resources and prompts. Order is that of the lists. */
#include "serve/mcp/product.h"

#include "serve/schemas.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

static const trm__mcp_tool product_tools[] = {
    {"solve_sudoku", "Solve a Sudoku",
     "Solves a Sudoku with a small trained network, checks the answer by the rules, and says so: right, or that it "
     "does "
     "not know.",
     trm__mcp_solve_input, trm__mcp_solve_output, trm__mcp_solve_sudoku, TRM__MCP_READS, 1, NULL},
    {"solve_maze", "Solve a maze",
     "Finds a way through a maze with a small trained network, and checks it by the rules. The answer marks the way "
     "with o.",
     trm__mcp_maze_input, trm__mcp_solve_output, trm__mcp_solve_maze, TRM__MCP_READS, 1, NULL},
    {"reason", "Solve any puzzle of a loaded model",
     "Solves a grid puzzle with any loaded model (list_models), with all options. Where trm knows no rules of such "
     "puzzles, the answer is marked as unchecked.",
     trm__mcp_reason_input, trm__mcp_solve_output, trm__mcp_reason, TRM__MCP_READS, 1, NULL},
    {"explain", "Solve and show every step",
     "Solves a puzzle and tells what the network did: the grid after every step, what changed, how sure it was, "
     "whether "
     "the rules held.",
     trm__mcp_explain_input, trm__mcp_explain_output, trm__mcp_explain, TRM__MCP_READS, 1, NULL},
    {"check_answer", "Check an answer",
     "Judges a filled grid by the puzzle's own rules and says what is wrong where; without an answer says how many "
     "solutions the question has.",
     trm__mcp_check_input, trm__mcp_check_output, trm__mcp_check, TRM__MCP_READS, 1, NULL},
    {"hint", "The next cell, and why",
     "One cell of a Sudoku and the reason, from logic where that suffices; else from the network, checked where an "
     "exact "
     "solver can.",
     trm__mcp_hint_input, trm__mcp_hint_output, trm__mcp_hint, TRM__MCP_READS, 1, NULL},
    {"generate_puzzle", "A new puzzle",
     "Makes a Sudoku with exactly one solution, or a maze, of a size that a loaded model solves. The same seed and "
     "number "
     "give the same puzzle.",
     trm__schema_generate, trm__mcp_generate_output, trm__mcp_generate, TRM__MCP_READS, 1, NULL},
    {"advance", "Work on a puzzle step by step",
     "A session: take steps of the network, pin a cell that is known, clear it, take steps back. Begin with puzzle, go "
     "on "
     "with the session of the result.",
     trm__mcp_advance_input, trm__mcp_advance_output, trm__mcp_advance, TRM__MCP_CHANGES, 1, NULL},
    {"list_models", "The models that are there", "Which models there are, and which puzzles each solves.",
     trm__mcp_models_input, trm__mcp_models_output, trm__mcp_models, TRM__MCP_READS, 1, NULL},
};

static const trm__mcp_resource product_resources[] = {
    {"trm://jobs", "jobs", "Jobs", "The jobs that this server keeps, oldest first", "application/json",
     trm__mcp_read_jobs, NULL, NULL, 1, 0},
    {"trm://models/{name}", "model", "A model's card", "What a model solves, its size, settings and configuration",
     "application/json", trm__mcp_read_model, trm__mcp_list_models, trm__mcp_complete_model, 0, 0},
    {"trm://jobs/{id}", "job", "A job", "How far a job is, and its result", "application/json", trm__mcp_read_job, NULL,
     NULL, 1, 0},
};

static const trm__mcp_prompt product_prompts[] = {
    {"pose_puzzle",
     "A puzzle from a picture",
     "How to write down a puzzle that was read from a picture, solve it, and be sure of the answer",
     {{"text", "what was read from the picture", 1}, {"kind", "sudoku or maze; default sudoku", 0}, {NULL, NULL, 0}},
     trm__mcp_pose,
     trm__mcp_pose_complete},
    {"explain_solution",
     "How the network came to it",
     "Lets the network's steps be told in words",
     {{"puzzle", "a Sudoku or a maze, as text", 1}, {NULL, NULL, 0}},
     trm__mcp_explain_prompt,
     NULL},
};

const trm__mcp_set trm__mcp_product = {product_tools,     COUNT(product_tools),
                                       product_resources, COUNT(product_resources),
                                       product_prompts,   COUNT(product_prompts)};
